import { knock } from "./live/knock.ts";

/** The foreign page: tries the one socket that asks for no token, and shows what it is told. */
const saw = document.querySelector("#saw");
const back = document.querySelector<HTMLElement>("#home");

const { home } = (await (await fetch("/home.json")).json()) as { home: string };
const link = back?.querySelector("a");
if (back && link) {
  link.href = home;
  back.hidden = window.top !== window;
}
show("This page", location.origin);
show("Knocks on", `${home}/socket`);
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
