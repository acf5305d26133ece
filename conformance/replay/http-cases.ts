// Single HTTP requests and their answers: what stands before any connection.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { type ParsedResponse, parseResponse } from "./http.ts";
import type { Headers } from "./recording.ts";
import { makeToken, socketSalt } from "./tokens.ts";

interface RecordedAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface HttpCase {
  readonly id: string;
  readonly desc: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  /** `HTTP/1.1` unless it is said. */
  readonly version: string;
  /** What Cowboy and Bandit answered: either is right. */
  readonly answers: readonly RecordedAnswer[];
}

interface OurAnswer {
  readonly id: string;
  readonly ours: Partial<RecordedAnswer>;
  readonly why: string;
}

const emptyBody = { headers: {}, body: "" };

/** Where Portcullis differs on purpose. */
export const caseDifferences: readonly OurAnswer[] = [
  { id: "bad-key", ours: { status: 400, body: "why" }, why: "a key is 16 bytes in base64 (RFC 6455, 4.2.1)" },
  { id: "empty-key", ours: { status: 400, body: "why" }, why: "a key is 16 bytes in base64 (RFC 6455, 4.2.1)" },
  { id: "reject-raise", ours: emptyBody, why: "nothing of the program is shown" },
  {
    id: "auth-token-bad-b64",
    ours: { status: 403, ...emptyBody },
    why: "nobody should be able to cause an error page",
  },
];

/** All recorded cases. */
export function httpCases(): readonly HttpCase[] {
  const [cowboy, bandit] = ["http.json", "http.bandit.json"].map(readCases);
  return (cowboy ?? []).map((one) => {
    const other = bandit?.find(({ id }) => id === one.id);
    return { ...one, answers: [...one.answers, ...(other?.answers ?? [])] };
  });
}

interface RawCase {
  readonly id: string;
  readonly desc: string;
  readonly request?: HttpCase["request"];
  readonly response?: RecordedAnswer;
  readonly raw_response?: string;
}

// The one case without a request was written by hand: an upgrade over HTTP/1.0.
const upgradeHeaders = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-version": "13",
};
const handWritten = { method: "GET", path: "/socket/websocket?vsn=2.0.0", headers: upgradeHeaders };

function readCases(file: string): HttpCase[] {
  const text = readFileSync(new URL(`../recordings/http/${file}`, import.meta.url), "utf8");
  const { cases } = JSON.parse(text) as { cases: readonly RawCase[] };
  return cases.map(({ id, desc, request, response, raw_response: raw }) => {
    const answer = response ?? parseResponse(Buffer.from(raw ?? ""), true);
    if (answer === undefined) throw new Error(`The case ${id} holds no answer.`);
    return { id, desc, request: request ?? handWritten, version: request ? "HTTP/1.1" : "HTTP/1.0", answers: [answer] };
  });
}

/** Asks the server at `base`, and says what its answer differs in; `undefined` when it means what was recorded. */
export async function playCase(base: URL, played: HttpCase, strict = false): Promise<string | undefined> {
  const seen = await ask(base, played);
  const ours = strict ? undefined : caseDifferences.find(({ id }) => id === played.id)?.ours;
  const allowed = played.answers.flatMap((answer) => (ours === undefined ? [answer] : [{ ...answer, ...ours }]));
  // RFC 6455 leaves a server no choice about the key, and the recorded ones took one all the same: both are right.
  const differences = [...allowed, ...(/^(?:bad|empty)-key$/.test(played.id) ? played.answers : [])].map((answer) =>
    answerDiffers(answer, seen),
  );
  return differences.includes(undefined) ? undefined : differences[0];
}

async function ask(base: URL, { request, version }: HttpCase): Promise<ParsedResponse> {
  const { method, path, body } = request;
  const headers: Record<string, string> = { host: base.host, ...request.headers };
  headers["connection"] ??= "close";
  if (body !== undefined) headers["content-length"] = String(Buffer.byteLength(body));
  const offered = headers["sec-websocket-protocol"];
  if (offered !== undefined) headers["sec-websocket-protocol"] = await withNewToken(base, offered);
  const lines = [
    `${method} ${path} ${version}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return exchange(base, `${lines.join("\r\n")}\r\n\r\n${body ?? ""}`, method);
}

const prefix = "base64url.bearer.phx.";

// The recorded tokens are of the day they were made.
async function withNewToken(base: URL, offered: string): Promise<string> {
  const [, recorded] = /base64url\.bearer\.phx\.(\S+)/.exec(offered) ?? [];
  if (recorded === undefined || !Buffer.from(recorded, "base64").toString().startsWith("SFMyNTY.")) return offered;
  const token = await makeToken(base, "token", { user: "1", salt: socketSalt });
  return offered.replace(prefix + recorded, prefix + Buffer.from(token).toString("base64").replaceAll("=", ""));
}

function exchange(base: URL, text: string, method: string): Promise<ParsedResponse> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(base.port), base.hostname, () => socket.write(text));
    let bytes = Buffer.alloc(0);
    const take = (ended: boolean): void => {
      // The answer to a HEAD says how long a body would be, and has none.
      const response = parseResponse(bytes, ended || (method === "HEAD" && bytes.includes("\r\n\r\n")));
      const whole = response ?? (ended ? undefined : null);
      if (whole === null) return;
      socket.destroy();
      if (whole === undefined) reject(new Error("the server hung up without an answer"));
      else resolve(whole);
    };
    socket.on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      take(false);
    });
    socket.on("end", () => take(true));
    socket.on("error", reject);
  });
}

const named = ["sec-websocket-protocol", "access-control-allow-origin", "access-control-allow-methods"];

function answerDiffers(expected: RecordedAnswer, seen: ParsedResponse): string | undefined {
  if (seen.status !== expected.status) return `status ${seen.status} instead of ${expected.status}`;
  // Of a refusal the selected subprotocol says nothing.
  const names = expected.status === 403 ? named.slice(1) : named;
  for (const name of names) {
    const [wanted, got] = [expected.headers[name], seen.headers[name]];
    if (wanted !== got) return `header ${name}: ${got ?? "absent"} instead of ${wanted ?? "absent"}`;
  }
  const [wanted, got] = [expected.body, seen.body].map(withoutToken);
  // Words are the server's own; whether there are any is not.
  const inWords = expected.status === 400 && wanted !== "";
  if (inWords ? got === "" : got !== wanted) return `body ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`;
  return undefined;
}

function withoutToken(body: string): string {
  if (!body.startsWith("{")) return body;
  const answer = JSON.parse(body) as Record<string, unknown>;
  if (typeof answer["token"] === "string") answer["token"] = "…";
  return JSON.stringify(Object.fromEntries(Object.entries(answer).sort(([one], [other]) => (one < other ? -1 : 1))));
}
