import { render } from "preact";
import { loadSession } from "./live/session.ts";
import { Page } from "./page.tsx";

const root = document.querySelector("#page");
if (!root) throw new Error("index.html has no #page to draw in.");
render(<Page />, root);
void loadSession();
