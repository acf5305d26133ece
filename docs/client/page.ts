import { ChannelError, createClient, PushError } from "portcullis/client";
import type { App } from "./endpoint.ts";

const client = createClient<App["/socket"]>("/socket", { token: fetchToken });

async function fetchToken(): Promise<string | null> {
  const response = await fetch("/token");
  return response.status === 401 ? null : response.text();
}

client.onStatus(({ state, reason }) => console.log(state, reason));

const user = client.channel("user:42");
const { unread, lastSeen } = await user.join({ since: new Date(0) });
console.log(unread, lastSeen);

const renamed = new Promise<string>((resolve) => {
  user.on("renamed", ({ name }) => resolve(name));
});

const { ok } = await user.push("rename", { name: "Ada" });
console.log(ok, await renamed);

try {
  await user.push("rename", { name: "" });
} catch (error) {
  if (error instanceof PushError) console.log(error.code, error.reason);
}

try {
  await client.channel("user:43").join();
} catch (error) {
  if (error instanceof ChannelError) console.log(error.code, error.reason);
}

const { closed } = await client.refresh();
console.log(closed.length);

export function onSignOutClicked(): void {
  client.signOut();
}
