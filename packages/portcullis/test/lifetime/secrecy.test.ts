/** No token of a refresh, a revocation or a lapse in anything that is said, thrown, reported or shown (security row 2.1). */

import { inspect } from "node:util";
import { expect, test } from "vitest";
import { memoryCredentialStore } from "../../src/auth/memory.ts";
import { signedToken } from "../../src/index.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { Desk, type Office, open } from "./support/desk.ts";
import { connect, kinds, type Line, statusFor, type Told, tryToConnect } from "./support/line.ts";
import { epoch, hourMs } from "./support/lives.ts";

const show = (value: unknown): string =>
  inspect(value, { depth: 30, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null });

/** Every spelling, and every part that is long enough to be worth something. */
function spellings(token: string): readonly string[] {
  const base64 = Buffer.from(token).toString("base64").replace(/=+$/, "");
  const parts = token.split(".").filter((part) => part.length > 20);
  return [token, base64, ...parts, token.slice(-20), encodeURIComponent(token)];
}

function expectNone(tokens: readonly string[], text: string, where: string): void {
  for (const token of tokens) {
    for (const spelling of spellings(token)) {
      const at = text.indexOf(spelling);
      if (at !== -1) throw new Error(`${where} shows a token: …${text.slice(Math.max(0, at - 200), at)}`);
    }
  }
}

/** An office with signed tokens, and everything a program gets hold of in it. */
async function watched(): Promise<Office & { held: unknown[]; tokens: string[]; sign(subject?: string): string }> {
  const desk = new Desk();
  const held: unknown[] = [];
  const tokens: string[] = [];
  const store = memoryCredentialStore({ now: () => desk.clock.now() });
  const socket = defineSocket({
    authenticate: signedToken({ salt: "user", maxAgeSeconds: 3_600 }),
    connect(request) {
      held.push(request.identity, request.info, request.params);
      if (request.identity.subject === "broken") throw new Error("connect is broken");
      return { userId: request.identity.subject };
    },
    id: ({ userId }) => `users:${userId}`,
  });
  const room = socket
    .channel("room:{id}", {
      authorize(channel) {
        held.push(channel, channel.signal);
        return true;
      },
    })
    .on({ boom: (_payload, channel) => Promise.reject(new Error(`a handler of ${channel.topic} is broken`)) })
    .leave((reason, channel) => void held.push(reason, channel));
  const office = await open({
    desk,
    store,
    sockets: {
      "/socket": {
        socket,
        channels: [room],
        longpoll: { windowMs: 10 * hourMs },
        from: ["subprotocol", "header", "params"],
        websocket: { idleTimeoutMs: 10 * hourMs },
      },
    },
  });
  let n = 0;
  return {
    ...office,
    held,
    tokens,
    sign(subject = "ada") {
      n += 1;
      const token = office.endpoint.tokens.sign("user", subject, { signedAt: desk.clock.now() + n });
      tokens.push(token);
      return token;
    },
  };
}

async function answered(line: Line, token: unknown): Promise<Told> {
  await line.send("r", "phoenix", "auth", { token });
  return ((await line.take(1)) as readonly [Told])[0];
}

test.each(kinds)(
  "$transport $vsn: refreshes that succeed, fail and break off, lapses and revocations",
  async (kind) => {
    const office = await watched();
    const { endpoint, port, clock, held, tokens, sign, said, events } = office;
    const told: unknown[] = [];
    const line = await connect(port, sign(), kind);
    await line.send("j", "room:a", "phx_join", {});
    told.push(...(await line.take(1)));
    for (const token of [sign(), `${sign()}x`, sign("bob"), [sign()], { inner: sign() }, sign()]) {
      told.push(await answered(line, token));
    }
    await line.send("b", "room:a", "boom", { token: sign() });
    told.push(...(await line.take(1)));
    clock.advance(hourMs - 1_000);
    told.push(...(await line.take(1)));
    clock.advance(2_000);
    told.push(await answered(line, `${sign().slice(0, -4)}AAAA`));
    const renewed = sign();
    told.push(await answered(line, renewed));
    await endpoint.revoke({ subject: "ada", issuedBefore: clock.now() + hourMs });
    const { told: rest } = await line.rest();
    told.push(...rest);
    await expect(connect(port, renewed, kind)).rejects.toThrow();

    const cutOff = await connect(port, sign("cleo"), kind);
    // Cut off in the middle of its token: nothing that can't be read may be quoted.
    const broken = await tryToConnect(port, sign("cleo"));
    broken.send(`[null,"1","phoenix","auth",{"token":"${sign("cleo")}`);
    expect(await broken.closed()).toBe(1011);
    await cutOff.send("1", "phoenix", sign("cleo"), { token: sign("cleo") });
    await cutOff.send("2", sign("cleo"), "phx_join", { token: sign("cleo") });
    const echoed = await cutOff.take(2);

    expect(tokens.length).toBeGreaterThan(12);
    expectNone(tokens, show(said), "the log");
    expectNone(tokens, show(events), "telemetry");
    expectNone(tokens, show(told), "what the client was told");
    // A topic of the client's own choice comes back to it: that is how it tells replies apart.
    expectNone(tokens, show(echoed.map(([ref, , event, payload]) => [ref, event, payload])), "a refusal");
    expectNone(tokens, show(endpoint), "the endpoint");
    expectNone(tokens, show(held), "what hooks are given");
  },
);

test("a revocation names credentials by what gives none away", async () => {
  const { endpoint, tokens, sign, port, said, events } = await watched();
  const token = sign();
  const line = await connect(port, token);
  const errors: unknown[] = [];
  for (const wrong of [{ tokenId: 5 }, { subject: [token] }, { subject: "ada", issuedBefore: Number.NaN }, { token }]) {
    await endpoint.revoke(wrong as never).catch((error: unknown) => errors.push(error));
  }
  expect(errors).toHaveLength(4);
  await endpoint.revoke({ subject: "ada", issuedBefore: epoch + hourMs });
  expect((await line.rest()).closeCode).toBe(4101);
  expect(await statusFor(port, token)).toBe(403);
  expectNone(tokens, show([errors, said, events, endpoint]), "a revocation");
});

test("an authenticator that throws what it was given is written by its operator's choice alone, and told to nobody", async () => {
  const desk = new Desk();
  const office = await open({ desk });
  const line = await connect(office.port, desk.issue());
  const token = desk.issue(() => {
    throw new Error("the desk is closed");
  });
  const [, , , payload] = await answered(line, token);
  expect(payload).toEqual({ status: "error", response: { reason: "connect_failed", retry: { afterMs: 1_000 } } });
  expectNone([token], show([office.said, office.events, payload]), "a failure");
});
