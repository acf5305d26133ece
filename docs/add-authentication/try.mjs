// node try.mjs <none | params=TOKEN | authToken=TOKEN> <topic> [event]
import { Socket } from "phoenix";
import { WebSocket } from "ws";

const [credential, topic, event] = process.argv.slice(2);
const [place, token] = credential.split("=");

const socket = new Socket(process.env.SOCKET_URL ?? "ws://localhost:4000/socket", {
  transport: WebSocket, // a browser has its own
  ...(place === "params" && { params: { token } }),
  ...(place === "authToken" && { authToken: token }),
});

let failures = 0;
socket.onOpen(() => console.log("connected"));
socket.onClose(({ code }) => {
  if (code !== 1006) console.log(`closed: ${code}`); // 1006: without a word, as when it never opened
});
socket.onError(({ message }) => {
  console.log(message);
  failures += 1;
  if (failures === 3) process.exit(1); // left alone, the client tries for ever
});
socket.connect();

const channel = socket.channel(topic);
channel
  .join()
  .receive("ok", () => {
    console.log(`joined ${topic}`);
    if (event === undefined) return; // stay
    channel.push(event, {}).receive("ok", (reply) => {
      console.log(JSON.stringify(reply));
      process.exit();
    });
  })
  .receive("error", ({ reason }) => {
    console.log(`not joined: ${reason}`);
    process.exit(1);
  });
