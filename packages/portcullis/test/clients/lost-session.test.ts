/** Clients over long-poll whose session is lost with its server begin anew with the next one. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect, disconnectAll, joined, received } from "./client.ts";
import { startRelay } from "./relay.ts";
import { startServer } from "./server.ts";
import { worldsThat } from "./world.ts";
import { offer } from "./xml-http-request.ts";

// Older ones take the 410 for the opening of a connection, and don't notice that their channels are gone.
const clients = worldsThat("goneSession");

describe.each(["xhr", "fetch"] as const)("over long-poll with %s", (requests) => {
  beforeAll(() => offer(requests));
  afterAll(disconnectAll);

  // Together, because a server waits a while for the node whose session it is asked for.
  describe.concurrent.each(clients)("$name", (world) => {
    test("moves to a server that doesn't know its session, and rejoins there", async ({ onTestFinished }) => {
      const [first, second] = [await startServer(), await startServer()];
      const relay = await startRelay(first.openUrl);
      onTestFinished(async () => {
        await second.close();
        await relay.close();
      });
      const client = connect(world, relay.url, { transport: world.LongPoll });
      const { channel, joins } = await joined(client, "room:moving", { seat: 3 });
      const shouted = received(channel, "shouted");
      relay.leadTo(second.openUrl);
      await first.endpoint.drain();
      // As the end of its process would: until then connections are kept for the next request, and lead to it.
      await first.close();
      expect(await joins.next()).toEqual({ status: "ok", response: { welcome: "moving", params: { seat: 3 } } });
      second.endpoint.broadcast("room:moving", "shouted", { by: "the next one" });
      expect(await shouted.next()).toEqual({ by: "the next one" });
    });
  });
});
