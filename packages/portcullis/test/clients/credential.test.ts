/** Clients at the gate: with a token in each place they can put one, and without. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { answer, type Client, connect, disconnectAll, joined } from "./client.ts";
import { type Seen, salt, startServer, type TestServer } from "./server.ts";
import { worlds, worldsThat } from "./world.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterEach(disconnectAll);
afterAll(() => server.close());

const tokenOf = (userId: string): string => server.endpoint.tokens.sign(salt, userId);
const expiredTokenOf = (userId: string): string =>
  server.endpoint.tokens.sign(salt, userId, { signedAt: Date.now() - 61_000 });

async function whoami(client: Client): Promise<unknown> {
  // Joining earlier, all but the newest would send their join twice where the first attempt to connect was refused.
  await client.opens.next();
  const { channel } = await joined(client, "me");
  const { status, response } = await answer(channel.push("whoami"));
  expect(status).toBe("ok");
  return response;
}

type Refused = Extract<Seen, { readonly name: "socket.refused" }>;
const refusals = (since: number): string[] =>
  server.seen.all
    .slice(since)
    .filter((event): event is Refused => event.name === "socket.refused")
    .map(({ code, status }) => `${code} ${status}`);

describe.each(worlds)("$name, vsn $vsn", (world) => {
  test.each([
    ["without a token", () => ({}), "credential_missing 403"],
    ["with a forged token", () => ({ token: `${tokenOf("ada")}x` }), "credential_invalid 403"],
    [
      "with a token for another purpose",
      () => ({ token: server.endpoint.tokens.sign("reset", "ada") }),
      "credential_invalid 403",
    ],
    ["with an expired token", () => ({ token: expiredTokenOf("ada") }), "credential_expired 403"],
    ["as somebody connect refuses", () => ({ token: tokenOf("mallory") }), "connect_refused 403"],
  ])("%s it is refused, tries again at growing intervals, and never opens", async (_name, params, refusal) => {
    const since = server.seen.all.length;
    const client = connect(world, server.privateUrl, { params: params() });
    const errors: string[] = [];
    client.socket.onError(({ message }) => errors.push(message));
    await client.attempts.find((tries) => tries === 4);

    expect(client.attempts.all).toEqual([1, 2, 3, 4]);
    expect(client.opens.all).toEqual([]);
    expect(errors).toEqual(Array(4).fill("Unexpected server response: 403"));
    expect(refusals(since)).toEqual(Array(4).fill(refusal));
    expect(server.seen.all.slice(since).map(({ name }) => name)).not.toContain("socket.connected");
  });

  test("with its token among the params it is who the token says", async () => {
    const client = connect(world, server.privateUrl, { params: { token: tokenOf("ada") } });
    expect(await whoami(client)).toEqual({ userId: "ada" });
  });
});

describe.each(worldsThat("paramsFunction"))("$name, vsn $vsn: params", (world) => {
  test("asks its params function anew for each attempt, and is in as soon as the token is good", async () => {
    const tokens = [expiredTokenOf("ada"), tokenOf("ada")];
    const client = connect(world, server.privateUrl, { params: () => ({ token: tokens.shift() ?? "none left" }) });
    expect(await whoami(client)).toEqual({ userId: "ada" });
    expect(client.attempts.all).toEqual([1]);
  });
});

describe.each(worldsThat("authToken"))("$name, vsn $vsn: authToken", (world) => {
  test("as a string travels in the subprotocol, and not in the URL", async () => {
    const token = tokenOf("ada");
    const client = connect(world, server.privateUrl, { authToken: token });
    expect(await whoami(client)).toEqual({ userId: "ada" });
    expect(client.socket.conn).toHaveProperty("protocol", "phoenix");
    expect(client.socket.endPointURL()).not.toContain(token);
  });

  test("as a function is asked anew for each attempt", async () => {
    const tokens = [expiredTokenOf("ada"), tokenOf("bob")];
    const client = connect(world, server.privateUrl, { authToken: () => tokens.shift() ?? "none left" });
    expect(await whoami(client)).toEqual({ userId: "bob" });
    expect(client.attempts.all).toEqual([1]);
  });

  test("that is no good is refused", async () => {
    const since = server.seen.all.length;
    const client = connect(world, server.privateUrl, { authToken: "nonsense" });
    await client.attempts.find((tries) => tries === 2);
    expect(refusals(since)).toEqual(Array(2).fill("credential_invalid 403"));
    expect(client.opens.all).toEqual([]);
  });

  test("beside another token in the params is refused: which of the two counts is nothing to guess", async () => {
    const since = server.seen.all.length;
    const options = { authToken: tokenOf("ada"), params: { token: tokenOf("bob") } };
    const client = connect(world, server.privateUrl, options);
    await client.attempts.find((tries) => tries === 2);
    expect(refusals(since)).toEqual(Array(2).fill("credential_ambiguous 403"));
    expect(client.opens.all).toEqual([]);
  });
});
