import { test } from "node:test";
import { defineEndpoint, defineSocket } from "portcullis";
import { connect, memoryBus } from "portcullis/testing";

const socket = defineSocket();
const room = socket.channel("room:*");

test("a broadcast reaches the other node", async () => {
  const bus = memoryBus();
  const node = () =>
    defineEndpoint({
      pubsub: bus,
      secretKeyBase: "s".repeat(64),
      sockets: { "/socket": { socket, channels: [room] } },
    });
  const [here, there] = [node(), node()];

  const lobby = await (await connect(there, "/socket")).join("room:lobby");
  here.broadcast("room:lobby", "news", { n: 1 });
  await lobby.assertPush("news", { n: 1 });

  bus.cut();
  here.broadcast("room:lobby", "news", { n: 2 });
  await lobby.refutePush("news");
});
