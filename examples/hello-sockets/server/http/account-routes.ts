import { z } from "zod";
import type { Person } from "../../shared/api.ts";
import type { Account } from "../accounts.ts";
import { socketSalt } from "../sockets/user.ts";
import { readJson } from "./body.ts";
import { addressOf, type Context, type Routes } from "./context.ts";
import { assertRate } from "./rate.ts";
import { HttpProblem, sendJson } from "./respond.ts";

const name = z
  .string("A name is needed.")
  .trim()
  .min(2, "A name has at least 2 characters.")
  .max(32, "A name has at most 32 characters.")
  .regex(/^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]*$/u, "A name is made of letters, digits, spaces, dots and dashes.");
const password = z
  .string("A password is needed.")
  .min(8, "A password has at least 8 characters.")
  .max(128, "A password has at most 128 characters.");

const signUpForm = z.object({ name, password });
// Signing in does not repeat the rules of signing up: what is wrong is wrong, and the bounds keep scrypt's work small.
const signInForm = z.object({
  name: z.string("A name is needed.").min(1, "A name is needed.").max(200),
  password: z.string("A password is needed.").min(1, "A password is needed.").max(200),
});
const nothing = z.object({});

export const accountRoutes: Routes = {
  "GET /api/session": async ({ request, response, app }) => {
    const account = await app.sessions.read(request);
    sendJson(response, 200, { person: account && toPerson(account), foreignUrl: app.foreignUrl(request) });
  },

  "POST /api/sign-up": async (context) => {
    assertRate(context.app.rates.attempts, addressOf(context));
    const form = await readJson(context.request, signUpForm);
    const account = await context.app.accounts.create(form.name, await context.app.passwords.hash(form.password));
    // Says that the name exists. Without an e-mail address to write to there is no other way to sign up.
    if (!account) throw new HttpProblem(409, "That name is taken. Choose another, or sign in.", "name");
    context.app.sessions.begin(context.response, account);
    sendJson(context.response, 201, toPerson(account));
  },

  "POST /api/sign-in": async (context) => {
    const { request, response, app } = context;
    assertRate(app.rates.attempts, addressOf(context));
    const form = await readJson(request, signInForm);
    // Per name as well, so that many addresses can't guess one password together.
    assertRate(app.rates.attempts, `name ${form.name.trim().toLowerCase()}`);
    const account = await app.accounts.findByName(form.name.trim());
    const right = await app.passwords.check(form.password, account?.passwordHash ?? null);
    // One sentence for both, after the same time: neither says whether the name exists.
    if (!account || !right) throw new HttpProblem(401, "Name and password do not fit together.", "password");
    app.sessions.begin(response, account);
    // From anywhere in the program to every tab of one person.
    app.endpoint.broadcast(`user:${account.id}`, "signed_in", {
      at: app.config.now(),
      browser: (request.headers["user-agent"] ?? "an unknown browser").slice(0, 200),
    });
    sendJson(response, 200, toPerson(account));
  },

  "POST /api/sign-out": async ({ request, response, app }) => {
    await readJson(request, nothing);
    app.sessions.end(response);
    sendJson(response, 204, null);
  },

  "POST /api/sign-out-everywhere": async (context) => {
    const { request, response, app } = context;
    await readJson(request, nothing);
    const account = await signedIn(context);
    // Page sessions are this app's own. Of tokens the endpoint knows: whatever this person was given until now is refused
    // from here on, on every socket, and the connections it opened are closed.
    await app.accounts.signOutEverywhere(account.id, app.config.now());
    await app.endpoint.revoke({ subject: account.id });
    app.sessions.end(response);
    sendJson(response, 204, null);
  },

  "GET /api/socket-token": async (context) => {
    const account = await signedIn(context);
    sendJson(context.response, 200, { token: context.app.endpoint.tokens.sign(socketSalt, account.id) });
  },
};

/** Whose page this is. */
export async function signedIn({ request, app }: Context): Promise<Account> {
  const account = await app.sessions.read(request);
  if (!account) throw new HttpProblem(401, "You are not signed in.");
  return account;
}

function toPerson(account: Account): Person {
  return { id: account.id, name: account.name };
}
