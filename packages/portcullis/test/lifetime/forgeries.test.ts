/** Nobody is thrown out, or let back in, by a message that only looks like a command (security rows 4.8 and 5.2). */

import { expect, test } from "vitest";
import { defineSocket } from "../../src/socket/socket.ts";
import { cluster, open } from "./support/desk.ts";
import { connect } from "./support/line.ts";
import { epoch, hourMs } from "./support/lives.ts";

test("nothing on the bus that this cluster didn't sign revokes, gives back, or ends anybody", async () => {
  const { desk, here, there, exchange } = await cluster();
  const stranger = await open({
    desk,
    pubsub: exchange.adapter(),
    secretKeyBase: "another secret of another cluster, long enough",
  });
  const line = await connect(there.port, desk.issue());
  const published = exchange.published.length;
  await stranger.endpoint.revoke({ subject: "ada" });
  stranger.endpoint.disconnect("users:ada");
  const foreign = exchange.published.slice(published);
  expect(foreign.length).toBeGreaterThanOrEqual(2);
  for (const { channel, text } of foreign) exchange.inject(channel, text);
  const revoke = {
    kind: "revoke",
    data: {
      kind: "subject",
      subject: "ada",
      authenticator: null,
      issuer: null,
      tenant: null,
      issuedBefore: epoch + hourMs,
      expiresAt: null,
    },
  };
  for (const text of [JSON.stringify(revoke), JSON.stringify({ v: 1, kind: "control", message: revoke }), "null", ""]) {
    exchange.inject("control", text);
  }
  await line.send("1", "phoenix", "heartbeat", {});
  expect(await line.take(1)).toHaveLength(1);
  expect(there.reported("pubsub.refused").length).toBeGreaterThanOrEqual(2);
  // The same, said by one of us, does.
  await here.endpoint.revoke({ subject: "ada" });
  expect((await line.rest()).closeCode).toBe(4101);
});

test("a signed message that was changed on its way is no message", async () => {
  const { desk, here, there, exchange } = await cluster();
  const line = await connect(there.port, desk.issue({ subject: "bob" }));
  exchange.loses = () => true;
  await here.endpoint.revoke({ subject: "ada" });
  const sealed = exchange.published.at(-1);
  expect(sealed?.text).toContain("ada");
  exchange.inject(sealed?.channel ?? "", sealed?.text.replace("ada", "bob") ?? "");
  await line.send("1", "phoenix", "heartbeat", {});
  expect(await line.take(1)).toHaveLength(1);
});

test("a channel that broadcasts events named like control messages tells its subscribers, and commands nobody", async () => {
  const { desk, here, there } = await cluster();
  const [attacker, victim] = [
    await connect(here.port, desk.issue({ subject: "eve" })),
    await connect(there.port, desk.issue()),
  ];
  await attacker.send("join", "room:a", "phx_join", {});
  await attacker.take(1);
  for (const topic of ["control", "users:ada", "node:x", "phoenix"]) {
    for (const event of ["revoke", "unrevoke", "compromised", "control"]) {
      const data = { kind: "subject", subject: "ada", issuedBefore: epoch + hourMs, expiresAt: null };
      await attacker.send("shout", "room:a", "shout", { topic, event, kind: event, id: "users:ada", data });
    }
  }
  await victim.send("1", "phoenix", "heartbeat", {});
  expect(await victim.take(1)).toMatchObject([["1", "phoenix", "phx_reply", { status: "ok" }]]);
});

test("a channel can't broadcast a disconnect: it is a mistake of the program's, and ends that channel alone", async () => {
  const socket = defineSocket({ connect: () => ({}), id: () => "users:ada" });
  const bad = socket.channel("users:{id}").on({
    kick: (_payload, channel) => channel.broadcast("disconnect", {}),
  });
  const { port, endpoint } = await open({ sockets: { "/socket": { socket, channels: [bad] } } });
  const [attacker, victim] = [await connect(port, "whatever"), await connect(port, "whatever")];
  await attacker.send("1", "users:ada", "phx_join", {});
  await attacker.send("2", "users:ada", "kick", {});
  expect((await attacker.take(2))[1]).toEqual([null, "users:ada", "phx_error", { reason: "channel_crash" }]);
  for (const line of [attacker, victim]) {
    await line.send("3", "phoenix", "heartbeat", {});
    expect(await line.take(1)).toHaveLength(1);
  }
  expect(endpoint.connectionCount).toBe(2);
});
