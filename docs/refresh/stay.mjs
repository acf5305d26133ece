import { Socket } from "phoenix";

/** Connects, and stays: the token is renewed over the open connection whenever it is about to end. */
export async function stay(url, fetchToken, options = {}) {
  let token = await fetchToken();
  // A function: whenever the client connects again, it does so with the newest token.
  const socket = new Socket(url, { ...options, authToken: () => token });
  const pending = new Set();

  async function renew() {
    token = await fetchToken();
    const ref = socket.makeRef();
    pending.add(ref);
    socket.push({ topic: "phoenix", event: "auth", payload: { token }, ref });
  }

  socket.onMessage(({ topic, event, payload, ref }) => {
    if (topic !== "phoenix") return;
    if (event === "phx_expiring") renew();
    if (event === "phx_reply" && pending.delete(ref) && payload.status === "error")
      options.onRefused?.(payload.response);
    if (event === "phx_closing") {
      // It comes back by itself after this: with another token, or, if that is of no use, not at all.
      if (payload.retry === "reauth") fetchToken().then((fresh) => (token = fresh));
      if (payload.retry === "never") socket.disconnect();
    }
  });
  socket.connect();
  return { socket, renew };
}
