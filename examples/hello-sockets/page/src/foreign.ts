import { knock } from "./live/knock.ts";

/** The foreign page: tries the one socket that asks for no token, and shows what it is told. */
const saw = document.querySelector("#saw");
const link = document.querySelector<HTMLAnchorElement>("#home");

const { home } = (await (await fetch("/home.json")).json()) as { home: string };
if (link) link.href = home;
// In the demo's frame there is no room for the rest, and the demo says it anyway.
document.body.classList.toggle("framed", window.top !== window);
show("Its origin", location.origin);
show("Knocks on", `${new URL(home).host}/socket`);
const { opened, closeCode, closeReason } = await knock(
  `${home.replace(/^http/, "ws")}/socket/websocket?vsn=2.0.0`,
  null,
);
show("Opened", opened ? "yes" : "no");
if (!opened) {
  show("Close code", String(closeCode ?? "none within 5 s"));
  show("Close reason", closeReason || "(empty)");
}

function show(term: string, fact: string): void {
  const dt = document.createElement("dt");
  dt.textContent = term;
  const dd = document.createElement("dd");
  dd.textContent = fact;
  saw?.append(dt, dd);
}
