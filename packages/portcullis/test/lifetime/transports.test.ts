/** The same life of a credential over both transports, in both versions. */

import { describe, expect, test } from "vitest";
import { bounds } from "../../src/limit/bounds.ts";
import { reject } from "../../src/outcome.ts";
import { Desk, open } from "./support/desk.ts";
import { connect, kinds, type Told } from "./support/line.ts";
import { epoch, hourMs } from "./support/lives.ts";

const graceMs = bounds.refreshGraceMs;
const ok = (ref: string, topic: string, response: object = {}): Told => [
  ref,
  topic,
  "phx_reply",
  { status: "ok", response },
];
const beat = ["beat", "phoenix", "heartbeat", {}] as const;
const beaten = ok("beat", "phoenix");
const expiring = (inMs: number): Told => [null, "phoenix", "phx_expiring", { inMs }];
const closing = (reason: string): Told => [null, "phoenix", "phx_closing", { reason, retry: "reauth" }];
/** Sessions of long-poll end by themselves when nobody polls; here they only lapse. */
const mount = { longpoll: { windowMs: 10 * hourMs }, websocket: { idleTimeoutMs: 10 * hourMs } };

describe.each(kinds)("$transport $vsn", (kind) => {
  test("a credential is warned of, lapses, and is renewed in its grace; what was held comes in order", async () => {
    const { desk, clock, endpoint, port } = await open({ mount });
    const line = await connect(port, desk.issue(), kind);
    await line.send("1", "room:a", "phx_join", {});
    expect(await line.take(1)).toEqual([ok("1", "room:a")]);
    clock.advance(hourMs - 60_000);
    expect(await line.take(1)).toEqual([expiring(60_000)]);

    clock.advance(59_999);
    endpoint.broadcast("room:a", "said", { n: 1 });
    expect(await line.take(1)).toEqual([[null, "room:a", "said", { n: 1 }]]);
    clock.advance(1);
    endpoint.broadcast("room:a", "said", { n: 2 });
    await line.send("2", "room:a", "who", {});
    await line.send(...beat);
    // Neither what was said nor what was asked.
    expect(await line.take(1)).toEqual([beaten]);

    clock.advance(graceMs - 1);
    await line.send("3", "phoenix", "auth", { token: desk.issue({ tokenId: "renewed" }) });
    expect(await line.take(3)).toEqual([
      [null, "room:a", "said", { n: 2 }],
      ok("2", "room:a", { subject: "ada", tokenId: "renewed" }),
      ok("3", "phoenix", { expiresAt: epoch + 2 * hourMs + graceMs - 1, closed: [] }),
    ]);
  });

  test("one that is not renewed ends after the grace, with the reason before its end", async () => {
    const { desk, clock, endpoint, port, reported } = await open({ mount });
    const line = await connect(port, desk.issue(), kind);
    clock.advance(hourMs + graceMs - 1);
    await line.send(...beat);
    expect(await line.take(2)).toEqual([expiring(60_000), beaten]);
    clock.advance(1);
    const { told, closeCode } = await line.rest();
    expect(told).toEqual([closing("credential_lapsed")]);
    if (kind.transport === "websocket") expect(closeCode).toBe(4100);
    // The server learns of a WebSocket's end from its client's answer.
    await expect
      .poll(() => reported("socket.closed"))
      .toEqual([{ mount: "/socket", transport: kind.transport, closeCode: 4100, code: "credential_lapsed" }]);
    expect(endpoint.connectionCount).toBe(0);
  });

  test("a refresh with fewer rights closes what it doesn't allow, and says which", async () => {
    const { desk, endpoint, port } = await open({ mount });
    const line = await connect(port, desk.issue(), kind);
    for (const id of ["a", "b"]) await line.send(id, `room:${id}`, "phx_join", {});
    await line.take(2);
    await line.send("3", "phoenix", "auth", { token: desk.issue({ claims: ["b"] }) });
    expect((await line.take(2)).map(([, ...rest]) => rest)).toEqual([
      ["room:a", "phx_close", { reason: "unauthorized" }],
      ["phoenix", "phx_reply", { status: "ok", response: { expiresAt: epoch + hourMs, closed: ["room:a"] } }],
    ]);
    endpoint.broadcast("room:a", "secret", {});
    endpoint.broadcast("room:b", "said", {});
    expect(await line.take(1)).toEqual([[null, "room:b", "said", {}]]);
  });

  test("five refreshes that fail end it with 4102", async () => {
    const { desk, port } = await open({ mount });
    const line = await connect(port, desk.issue(), kind);
    for (let n = 1; n <= 5; n += 1) {
      await line.send(String(n), "phoenix", "auth", { token: "forged" });
    }
    const { told, closeCode } = await line.rest();
    const failed = { status: "error", response: { reason: "credential_invalid", retry: "reauth" } };
    expect(told).toEqual([
      ...["1", "2", "3", "4", "5"].map((ref) => [ref, "phoenix", "phx_reply", failed]),
      closing("refresh_failed"),
    ]);
    if (kind.transport === "websocket") expect(closeCode).toBe(4102);
  });

  test("somebody whose credential is revoked is told, and ended, and not let in with it again", async () => {
    const { desk, endpoint, clock, port } = await open({ mount });
    const token = desk.issue();
    const [line, other] = [await connect(port, token, kind), await connect(port, desk.issue({ subject: "bob" }), kind)];
    await endpoint.revoke({ subject: "ada" });
    const { told, closeCode } = await line.rest();
    expect(told).toEqual([closing("revoked")]);
    if (kind.transport === "websocket") expect(closeCode).toBe(4101);
    await expect(connect(port, token, kind)).rejects.toThrow();
    clock.advance(1);
    await connect(port, desk.issue(), kind);
    await other.send(...beat);
    expect(await other.take(1)).toEqual([beaten]);
  });

  test("what the desk says at a refresh reaches the client as it would reach one that asks to come in", async () => {
    const desk = new Desk();
    const { port } = await open({ desk, mount });
    const line = await connect(port, desk.issue(), kind);
    await line.send("1", "phoenix", "auth", { token: desk.issue(() => reject("banned", { retry: "never" })) });
    expect(await line.take(1)).toEqual([
      ["1", "phoenix", "phx_reply", { status: "error", response: { reason: "banned", retry: "never" } }],
    ]);
  });
});
