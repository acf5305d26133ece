import type { Person } from "../../../shared/api.ts";
import { api } from "../api.ts";
import { createStore } from "../store.ts";
import { forgetPass } from "./pass-connection.ts";
import { connectUser, forgetUser } from "./user-connection.ts";

/** Who this browser is to the server's pages. The socket learns it from a token, not from the cookie. */
export type Session =
  | { readonly status: "loading" }
  | { readonly status: "unreachable" }
  | { readonly status: "ready"; readonly person: Person | null; readonly foreignUrl: string };

export const session = createStore<Session>({ status: "loading" });

export async function loadSession(): Promise<void> {
  session.set({ status: "loading" });
  try {
    const { person, foreignUrl } = await api.session();
    session.set({ status: "ready", person, foreignUrl });
    if (person) await begin(person);
  } catch {
    session.set({ status: "unreachable" });
  }
}

export async function enter(how: "signUp" | "signIn", form: { name: string; password: string }): Promise<void> {
  const person = await api[how](form);
  setPerson(person);
  await begin(person);
}

export async function leave(): Promise<void> {
  await api.signOut();
  forgetUser();
  forgetPass();
  setPerson(null);
}

/** Unlike `leave`, this touches no socket: the server closes them, and their clients are left to try again. */
export async function leaveEverywhere(): Promise<void> {
  await api.signOutEverywhere();
}

function setPerson(person: Person | null): void {
  session.set((current) => (current.status === "ready" ? { ...current, person } : current));
}

/** A cookie is not enough for a socket: the page fetches a signed token and hands it to the client. */
async function begin(person: Person): Promise<void> {
  const { token } = await api.socketToken();
  forgetPass();
  connectUser(person, token, () => setPerson(null));
}
