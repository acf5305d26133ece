/** Real workers behind one port: they are one server to whoever connects, and to the program. */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createTokens } from "../../src/token/token.ts";
import { settled } from "../support/clock.ts";
import { ask, Poller } from "../support/poller.ts";
import type { Frame } from "../support/wire.ts";
import { Guest, House, sharings } from "./support/house.ts";

const tokens = createTokens({ secretKeyBase: "s".repeat(64) });
const tokenOf = (subject: string): string => tokens.sign("user socket", subject, { maxAgeSeconds: 3_600 });
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_none, n) => n);

/** The status a handshake with this token is answered. */
async function statusFor(port: number, token: string): Promise<number> {
  const headers = {
    "x-phoenix-authtoken": token,
    "sec-websocket-protocol": `phoenix, base64url.bearer.phx.${Buffer.from(token).toString("base64url")}`,
  };
  return (await ask(port, { path: "/vip/websocket?vsn=2.0.0", headers }).answer).httpStatus;
}

/** Waits until `holds`, of what a guest is told of its worker. */
async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look()));
}

describe.each(sharings)("workers whose port is shared %s", (_name, sharing) => {
  test("hear what is said in any of them, and by the primary, in its order", async () => {
    const house = await House.open({ sharing });
    const [one, two] = (await Guest.inEach(house.port, 2)) as [Guest, Guest];
    await house.does({ do: "broadcast", topic: "room:lobby", event: "told", count: 300 });
    await one.asks("say", { topic: "room:lobby", event: "said", count: 300 });
    for (const guest of [one, two]) {
      expect(await guest.hearsAll("told", 300)).toEqual(numbers(300).map((n) => ({ n })));
      expect(await guest.hearsAll("said", 300)).toEqual(numbers(300).map((n) => ({ n, pid: one.pid })));
    }
    expect(await house.does({ do: "health" })).toEqual({ pubsub: "up", revocations: "ok" });
    for (const guest of [one, two])
      expect(await guest.asks("count", {})).toEqual({ connections: 1, health: { pubsub: "up", revocations: "ok" } });

    // Who is there is known everywhere, and who is to go is told so everywhere.
    const users = async (): Promise<readonly string[]> => ((await two.asks("list", {})) as { users: string[] }).users;
    await until(async () => (await users()).length === 2);
    await until(async () => ((await house.does({ do: "list", topic: "room:lobby" })) as string[]).length === 2);
    two.push("kick", { id: one.user });
    expect(await one.closed).toBe(1001);
    await until(async () => (await users()).join() === two.user);
    await house.does({ do: "disconnect", id: two.user });
    expect(await two.closed).toBe(1001);
  });

  test("know what was revoked anywhere, also one that was started afterwards", async () => {
    const house = await House.open({ sharing });
    const [ada, bob] = [tokenOf("ada"), tokenOf("bob")];
    const lines = await Guest.inEach(house.port, 2, { token: ada });
    const [here, there] = await Guest.inEach(house.port, 2);
    await house.does({ do: "revoke", subject: "ada" });
    expect(await Promise.all(lines.map(({ closed }) => closed))).toEqual([4101, 4101]);
    await (there as Guest).asks("revoke", { subject: "bob" });
    process.kill((there as Guest).pid, "SIGKILL");
    expect(await (there as Guest).closed).toBe(1006);
    await house.events("worker.started", 3);
    const [, replaced] = await Guest.inEach(house.port, 2);
    expect(replaced?.pid).not.toBe((there as Guest).pid);
    // Whichever it is that answers.
    for (const token of [ada, bob]) {
      for (let n = 0; n < 12; n += 1) expect(await statusFor(house.port, token)).toBe(403);
    }
    await (here as Guest).asks("who", {});
    const cleo = await Guest.open(house.port, { token: tokenOf("cleo") });
    expect(cleo.socket.readyState).toBe(1);
  });

  test("carry long-poll requests to the one that has the session", async () => {
    const house = await House.open({ sharing });
    const client = await Poller.open(house.port);
    expect(await client.post("1", "1", "room:lobby", "phx_join", {})).toMatchObject({ status: 200 });
    const replies: Frame[] = [];
    for (let n = 2; n < 14; n += 1) {
      expect(await client.post("1", String(n), "room:lobby", "who", {})).toMatchObject({
        httpStatus: 200,
        status: 200,
      });
      while (!replies.some(([, ref]) => ref === String(n))) replies.push(...(await client.fetch()));
    }
    const pids = new Set(replies.flatMap((frame) => (frame[4] as { response?: { pid?: number } }).response?.pid ?? []));
    expect(pids.size).toBe(1);
    // What somebody in the other says is there with the next poll.
    const [one, two] = (await Guest.inEach(house.port, 2)) as [Guest, Guest];
    (pids.has(one.pid) ? two : one).push("shout", { by: "the other" });
    const heard: Frame[] = [];
    while (!heard.some(([, , , event]) => event === "shouted")) heard.push(...(await client.fetch()));
  });

  test("are replaced when they die; only their own connections notice", async () => {
    const house = await House.open({ sharing });
    const [stays, goes] = (await Guest.inEach(house.port, 2)) as [Guest, Guest];
    const users = async (): Promise<number> => ((await stays.asks("list", {})) as { users: string[] }).users.length;
    await until(async () => (await users()) === 2);
    await stays.asks("say", { topic: "room:lobby", event: "before", count: 500 });
    process.kill(goes.pid, "SIGKILL");
    await stays.asks("say", { topic: "room:lobby", event: "after", count: 500 });
    await house.does({ do: "broadcast", topic: "room:lobby", event: "told", count: 500 });
    expect(await goes.closed).toBe(1006);
    for (const event of ["before", "after"]) {
      expect(await stays.hearsAll(event, 500)).toEqual(numbers(500).map((n) => ({ n, pid: stays.pid })));
    }
    expect(await stays.hearsAll("told", 500)).toEqual(numbers(500).map((n) => ({ n })));
    // Who was connected to it is gone at once, not after the half minute a silent node is given.
    await until(async () => (await users()) === 1);
    expect(await house.events("worker.exited", 1)).toEqual([
      { worker: expect.any(Number), code: null, signal: "SIGKILL", wasAsked: false },
    ]);
    const [, fresh] = (await Guest.inEach(house.port, 2)) as [Guest, Guest];
    expect([stays.pid, goes.pid]).not.toContain(fresh.pid === stays.pid ? 0 : fresh.pid);
    fresh.push("shout", { by: "fresh" });
    expect(await stays.hearsAll("shouted", 1)).toEqual([{ by: "fresh" }]);
    // The bus was whole all the time.
    expect(await house.events("pubsub.status", 1)).toEqual([{ status: "up" }]);
    expect(stays.socket.readyState).toBe(1);
  });

  test("drain when the primary is told to stop, and it waits for them", async () => {
    const house = await House.open({ sharing });
    const guests = await Guest.inEach(house.port, 2);
    house.child.kill("SIGTERM");
    expect(await Promise.all(guests.map(({ closed }) => closed))).toEqual([1012, 1012]);
    expect(await house.ended).toEqual({ code: null, signal: "SIGTERM" });
    const exited = { code: 0, signal: null, wasAsked: true };
    expect((await house.events("worker.exited", 2)).map(({ worker: _worker, ...rest }) => rest)).toEqual([
      exited,
      exited,
    ]);
    for (const { pid } of guests) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  test("stop listening when the primary does, keep their connections, and close with it", async () => {
    const house = await House.open({ sharing });
    const guests = await Guest.inEach(house.port, 2);
    await house.does({ do: "unlisten" });
    await expect(ask(house.port).answer).rejects.toThrow("ECONNREFUSED");
    for (const guest of guests) expect(await guest.asks("who", {})).toEqual({ pid: guest.pid });
    await house.does({ do: "close" });
    expect(await Promise.all(guests.map(({ closed }) => closed))).toEqual([1001, 1001]);
    expect(await house.ended).toEqual({ code: 0, signal: null });
    expect(readdirSync(house.folder).filter((name) => name.startsWith("portcullis-"))).toEqual([]);
  });

  test("end with a primary that is killed", async () => {
    const house = await House.open({ sharing });
    const guests = await Guest.inEach(house.port, 2);
    house.child.kill("SIGKILL");
    await Promise.all(guests.map(({ closed }) => closed));
    await house.ended;
    // They take away where they met, because it can't.
    while (readdirSync(house.folder).some((name) => name.startsWith("portcullis-"))) await settled();
  });
});

test("a port that somebody has is refused", async () => {
  const house = await House.open();
  const second = new House({ port: house.port });
  expect(await second.says(({ say }) => say === "failed")).toMatchObject({ code: "EADDRINUSE" });
  await second.ended;
});

test("a program that crashes as it starts is not started for ever: listen says so", async () => {
  const house = new House({ crash: "at once" });
  const failed = await house.says(({ say }) => say === "failed");
  expect(failed).toMatchObject({ code: "workers_failed", message: expect.stringContaining("code 1") });
  expect(house.stderr).toContain("this program crashes as it starts");
  expect(await house.ended).toEqual({ code: 0, signal: null });
  expect((await house.events("worker.started", 1)).length).toBeLessThan(6);
});

test("workers that crash later on are reported, and started ever more rarely; who is left goes on", async () => {
  const house = await House.open();
  const [stays, goes] = (await Guest.inEach(house.port, 2)) as [Guest, Guest];
  await house.does({ do: "spoil" });
  process.kill(goes.pid, "SIGKILL");
  expect(await house.says(({ say }) => say === "error")).toMatchObject({
    code: "workers_failed",
    message: expect.stringContaining("as soon as they are started"),
  });
  expect(await stays.asks("who", {})).toEqual({ pid: stays.pid });
  // None of them is waited for.
  await house.does({ do: "close" });
  expect(await stays.closed).toBe(1001);
  expect(await house.ended).toEqual({ code: 0, signal: null });
});

test("an endpoint that is closed before its workers listen ends them", async () => {
  const house = new House();
  await house.events("worker.started", 2);
  house.child.kill("SIGTERM");
  expect(await house.ended).toEqual({ code: null, signal: "SIGTERM" });
  expect(await house.events("worker.exited", 2)).toMatchObject([{ wasAsked: true }, { wasAsked: true }]);
});
