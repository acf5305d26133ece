/** What a process that comes is told, and what the others make of one that has died. */
import { expect, test } from "vitest";
import { Revocations } from "../../src/auth/revocation.ts";
import { Handover } from "../../src/listen/handover.ts";
import { Bus } from "../../src/pubsub/bus.ts";
import { Envelopes } from "../../src/pubsub/envelope.ts";
import { PubSub } from "../../src/pubsub/pubsub.ts";
import { silentLogger } from "../../src/telemetry/logger.ts";
import { Telemetry } from "../../src/telemetry/telemetry.ts";
import { DerivedKeys } from "../../src/token/key.ts";
import { SecretRing } from "../../src/token/ring.ts";
import { secretKeyBase } from "../security/support/arena.ts";
import { FakeClock, settled } from "../support/clock.ts";
import { Exchange, later } from "../support/exchange.ts";
import { startNode } from "../support/node.ts";
import { Poller } from "../support/poller.ts";

const envelopes = new Envelopes(new DerivedKeys(new SecretRing(secretKeyBase), 8));

/** One process without connections. */
function processOn(exchange: Exchange, node: string, clock: FakeClock) {
  const telemetry = new Telemetry({ logger: silentLogger, clock, listener: null });
  const pubsub = new PubSub(node);
  const revoked: string[] = [];
  const revocations = new Revocations({
    ...{ store: null, pubsub, clock, telemetry },
    onRevoked: (revocation) => void (revocation.kind === "subject" && revoked.push(revocation.subject)),
  });
  const join = (): void => {
    pubsub.joinBus(
      new Bus({
        ...{ adapter: exchange.adapter(), envelopes, telemetry, node },
        onMessage: (message, from) => pubsub.heard(message, from),
        onStatus: (status) => pubsub.statusChanged(status),
      }),
    );
    pubsub.start();
    pubsub.statusChanged("up");
  };
  const handover = new Handover({ pubsub, revocations, clock });
  const commands: string[] = [];
  pubsub.onControl((message) => void (message.kind === "compromised" && commands.push(message.id)));
  return { pubsub, revocations, revoked, commands, handover, join };
}

function three() {
  const [exchange, clock] = [new Exchange(later), new FakeClock()];
  const [primary, other, newcomer] = ["primary", "other", "newcomer"].map((name) => processOn(exchange, name, clock));
  return { exchange, clock, primary, other, newcomer } as {
    [Name in "primary" | "other" | "newcomer"]: ReturnType<typeof processOn>;
  } & { exchange: Exchange; clock: FakeClock };
}

test("the primary's knowledge, and what another has said and the primary not heard, are known before anybody comes in", async () => {
  const { exchange, primary, other, newcomer } = three();
  primary.join();
  other.join();
  for (let n = 0; n < 1_500; n += 1) await other.revocations.revoke({ subject: `user${n}` }, 60_000);
  primary.pubsub.control({ kind: "compromised", id: "key" });
  await settled();
  // On its way to the primary when that one answers.
  exchange.cut.add(0);
  await other.revocations.revoke({ subject: "late" }, 60_000);
  await settled();
  exchange.cut.delete(0);
  const known = JSON.parse(JSON.stringify(primary.revocations.known("all"))) as ReturnType<Revocations["known"]>;
  expect(known.revocations).toHaveLength(1_500);
  newcomer.join();
  await newcomer.handover.take(known, ["other"]);
  expect(newcomer.revocations.size).toBe(1_501);
  expect(newcomer.revoked).toContain("late");
  expect(newcomer.commands).toContain("key");
  // In parts, and to nobody else.
  expect(primary.revocations.size).toBe(1_500);
});

test("what was given back meanwhile stays given back", async () => {
  const { primary, other, newcomer } = three();
  for (const { join } of [primary, other]) join();
  await other.revocations.revoke({ subject: "ada" }, 60_000);
  await settled();
  const known = primary.revocations.known("all");
  newcomer.join();
  await other.revocations.unrevoke({ subject: "ada" });
  await settled();
  await newcomer.handover.take(known, ["other"]);
  expect(newcomer.revocations.size).toBe(0);
});

test("one that dies before it answers is not waited for, and one that is stuck for two seconds at most", async () => {
  const { exchange, clock, primary, other, newcomer } = three();
  for (const { join } of [primary, other, newcomer]) join();
  exchange.cut.add(1);
  let taken = 0;
  const taking = newcomer.handover.take(primary.revocations.known("all"), ["other", "gone"]).then(() => {
    taken += 1;
  });
  await settled();
  primary.pubsub.control({ kind: "gone", id: "gone" });
  await settled();
  clock.advance(1_999);
  await settled();
  expect(taken).toBe(0);
  primary.pubsub.control({ kind: "gone", id: "other" });
  await taking;
  const again = processOn(exchange, "again", clock);
  again.join();
  const waiting = again.handover.take(primary.revocations.known("all"), ["other"]);
  await settled();
  clock.advance(2_000);
  await waiting;
});

test("with a bus that is down, or nobody else there, nobody is asked", async () => {
  const { primary, newcomer } = three();
  await primary.revocations.revoke({ subject: "ada" }, 60_000);
  await newcomer.handover.take(primary.revocations.known("all"), ["other"]);
  expect(newcomer.revoked).toEqual(["ada"]);
});

test("what was subscribed before there was a bus is heard over it", async () => {
  const { primary, newcomer } = three();
  const heard: unknown[] = [];
  newcomer.pubsub.subscribe("room:a", { deliver: ({ payload }) => void heard.push(payload) });
  for (const { join } of [primary, newcomer]) join();
  primary.pubsub.broadcast("room:a", "said", { n: 1 });
  await settled();
  expect(heard).toEqual([{ n: 1 }]);
});

test("a poll that waits for a process that has died is answered at once, with a new session to begin", async () => {
  const exchange = new Exchange(later);
  const clock = new FakeClock();
  const [home, away] = [
    await startNode({ pubsub: exchange.adapter(), clock }),
    await startNode({ pubsub: exchange.adapter(), clock }),
  ];
  const client = await Poller.open(home.port);
  const published = exchange.published.length;
  const waiting = client.at(away.port).poll();
  // Asked, and told that the session is there.
  while (exchange.published.length < published + 2) await settled();
  await settled();
  away.endpoint["~parts"].pubsub.control({ kind: "gone", id: home.endpoint["~parts"].pubsub.node });
  expect(await waiting.answer).toMatchObject({ httpStatus: 200, status: 410, raw: [] });
});
