/** What is reported: safe to log, safe as labels, and never in the way. */

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { errorTable } from "../../src/errors.ts";
import { accept, reject, stop } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { Telemetry } from "../../src/telemetry/telemetry.ts";
import { FakeClock, settled } from "../support/clock.ts";
import { RecordingLogger, World } from "../support/world.ts";

describe("the listener", () => {
  test("is called with each event as it happens", () => {
    const heard: unknown[] = [];
    const telemetry = new Telemetry({
      logger: new RecordingLogger(),
      clock: new FakeClock(),
      listener: (name, metadata) => void heard.push([name, metadata]),
    });
    telemetry.emit("channel.joined", { mount: "/socket", pattern: "room:{id}" });
    expect(heard).toEqual([["channel.joined", { mount: "/socket", pattern: "room:{id}" }]]);
  });

  test("may be missing", () => {
    const telemetry = new Telemetry({ logger: new RecordingLogger(), clock: new FakeClock(), listener: null });
    expect(() => telemetry.emit("channel.joined", { mount: "/socket", pattern: "p" })).not.toThrow();
  });

  test("that throws is logged and takes nothing down", () => {
    const logger = new RecordingLogger();
    const boom = new Error("boom");
    const telemetry = new Telemetry({
      logger,
      clock: new FakeClock(),
      listener: () => {
        throw boom;
      },
    });
    expect(() => telemetry.emit("channel.joined", { mount: "/socket", pattern: "p" })).not.toThrow();
    expect(logger.lines).toMatchObject([{ level: "error", details: { error: boom } }]);
    expect(logger.at("error")[0]).toContain("channel.joined");
  });

  test("that throws at every event, of which clients cause many, doesn't write the log full", () => {
    const [logger, clock] = [new RecordingLogger(), new FakeClock()];
    const telemetry = new Telemetry({
      logger,
      clock,
      listener: () => {
        throw new Error("boom");
      },
    });
    for (let n = 0; n < 1_000; n += 1) telemetry.emit("channel.joined", { mount: "/socket", pattern: "p" });
    clock.advance(1_000);
    expect(logger.lines).toHaveLength(2);
  });
});

describe("what channels report", () => {
  const secret = "hunter2";
  const socket = defineSocket();

  /** Everything a client can cause, with the secret wherever a client can put one. */
  async function everything(): Promise<World> {
    const channel = socket
      .channel("room:*", {
        params: z.object({ refuse: z.boolean().optional(), crash: z.boolean().optional() }).loose(),
        in: { event: z.object({ n: z.number() }), fail: z.unknown(), end: z.unknown() },
        join({ refuse, crash }, channel) {
          if (refuse) return reject("refused");
          if (crash) throw new Error("join failed");
          channel.send("nobody hears");
          return accept({ assigns: { secret } });
        },
      })
      .on({
        event: ({ n }) => ({ n }),
        fail() {
          throw new Error("handler failed");
        },
        end: () => stop(),
      })
      .leave(() => {
        throw new Error("leave failed");
      });
    const world = new World([channel], { channelsMax: 3, depthMax: 10 });
    const client = world.connect({ assigns: { secret }, socketId: secret });
    const topic = `room:${secret}`;
    client.join(topic, secret, { secret });
    client.join(topic, secret, { secret, refuse: true });
    client.join(topic, secret, { secret, crash: true });
    client.join(topic, secret, { refuse: secret });
    client.join(secret, secret, {});
    client.join(topic, secret, {});
    for (const id of [1, 2, 3]) client.join(`${topic}:${id}`, secret, {});
    for (const event of ["event", secret, "fail", "end"]) {
      client.push(topic, event, { secret }, secret, secret);
      client.push(topic, event, { secret }, secret, `stale ${secret}`);
      client.join(topic, secret, {});
    }
    client.connection.receive(`["${secret}","1","${topic}","event",${"[".repeat(20)}"${secret}"${"]".repeat(20)}]`);
    client.leave(topic, secret, secret);
    client.connection.receive(`["${secret}`);
    const v1 = world.connect({ serializer: "v1" });
    v1.connection.receive(`{"topic":"${topic}","event":"phx_join","payload":{},"ref":"1"}`);
    world.pubsub.broadcast(topic, secret, Uint8Array.of(1));
    v1.connection.closed({ kind: "closed" });
    await settled();
    world.clock.advance(2_000);
    return world;
  }

  test("nothing of it is the client's: no topic, payload, ref, id or assign", async () => {
    const world = await everything();
    const names = new Set(world.events.map(({ name }) => name));
    expect([...names].sort()).toEqual([
      "channel.crashed",
      "channel.joined",
      "channel.left",
      "channel.refused",
      "limit.reached",
      "limit.warned",
      "message.dropped",
    ]);
    const shown = (value: unknown): string =>
      JSON.stringify(value, (_key, inner: unknown) =>
        inner instanceof Error ? { ...inner, message: inner.message, stack: inner.stack } : inner,
      );
    expect(shown(world.events)).not.toContain(secret);
    expect(shown(world.logger.lines)).not.toContain(secret);
    expect(world.logger.lines.length).toBeGreaterThan(5);
  });

  test("codes are those of the error table", async () => {
    const world = await everything();
    const codes = [...world.reported("message.dropped"), ...world.reported("channel.refused")].map(({ code }) => code);
    expect(new Set(codes)).toEqual(
      new Set([
        "binary_for_v1",
        "channels_max",
        "join_crashed",
        "join_ref_stale",
        "join_refused",
        "payload_invalid",
        "payload_too_deep",
        "topic_unmatched",
      ]),
    );
    for (const code of codes) expect(Object.keys(errorTable)).toContain(code);
  });

  test("labels come from a small set, however many topics there are", () => {
    const world = new World([socket.channel("room:{id}")], { channelsMax: 10_000 });
    const client = world.connect();
    for (let n = 0; n < 1_000; n += 1) client.join(`room:${n}`, String(n));
    const labels = new Set(
      world.events.flatMap(({ metadata }) => Object.values(metadata).filter((v) => typeof v === "string")),
    );
    expect([...labels].sort()).toEqual(["/socket", "room:{id}"]);
  });
});
