/** Long-poll over two processes that share nothing but a bus. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { afterwards } from "../security/support/arena.ts";
import { ask, Poller } from "../support/poller.ts";
import type { Frame } from "../support/wire.ts";
import type { Relayed } from "./support/relayed-node.ts";

interface Node {
  readonly child: ChildProcess;
  readonly port: number;
}

/** Starts nodes, and hands on what they say to those who are subscribed to it. */
async function start(count: number): Promise<readonly Node[]> {
  const script = fileURLToPath(new URL("./support/relayed-node.ts", import.meta.url));
  const subscribed = new Map<ChildProcess, Set<string>>();
  const ports = Array.from({ length: count }, () => {
    const child = fork(script, { execArgv: ["--import", import.meta.resolve("tsx")] });
    const channels = new Set<string>();
    subscribed.set(child, channels);
    afterwards(() => void child.kill("SIGKILL"));
    return new Promise<Node>((resolve) => {
      child.on("message", (message: Relayed) => {
        if (message.kind === "ready") resolve({ child, port: message.port });
        else if (message.kind === "subscribe") channels.add(message.channel);
        else if (message.kind === "unsubscribe") channels.delete(message.channel);
        else {
          for (const [other, itsChannels] of subscribed) {
            if (other.connected && itsChannels.has(message.channel)) other.send(message);
          }
        }
      });
    });
  });
  return Promise.all(ports);
}

test("a session in one process is polled and posted to in another, until its process is killed", async () => {
  const [home, away] = (await start(2)) as [Node, Node];
  const atHome = await (await Poller.open(home.port)).join("room:a");
  const client = atHome.at(away.port);
  expect(await client.post("1", "2", "room:a", "who", {})).toMatchObject({ httpStatus: 200, status: 200 });
  const [reply] = await client.fetch();
  expect(reply).toEqual(["1", "2", "room:a", "phx_reply", { status: "ok", response: { pid: home.child.pid } }]);
  // Somebody of the other process shouts, and is heard here; and the other way round.
  const other = await (await Poller.open(away.port)).join("room:a");
  const heard: Frame[] = [];
  for (let n = 0; n < 20; n += 1) {
    const by = n % 2 === 0 ? other : client;
    expect(await by.post("1", null, "room:a", "shout", { n })).toMatchObject({ status: 200 });
    while (heard.length <= n) heard.push(...(await client.fetch()));
  }
  expect(heard).toEqual(Array.from({ length: 20 }, (_, n) => [null, null, "room:a", "shouted", { n }]));
  const waiting = client.poll();
  const quiet = await ask(away.port, { headers: { "x-phoenix-longpoll-token": other.token } }).answer;
  expect(quiet.messages).toHaveLength(20);
  home.child.kill("SIGKILL");
  await once(home.child, "exit");
  const killed = performance.now();
  const again = await waiting.answer;
  expect(again).toMatchObject({ httpStatus: 200, status: 410, raw: [] });
  // The window and two seconds more, and what a busy machine takes.
  expect(performance.now() - killed).toBeLessThan(8_000);
  const renewed = await new Poller(away.port, again.token as string).join("room:a");
  expect(await renewed.post("1", "2", "room:a", "who", {})).toMatchObject({ status: 200 });
  expect(JSON.stringify(await renewed.fetch())).toContain(String(away.child.pid));
}, 40_000);
