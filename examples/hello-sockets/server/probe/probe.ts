import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import type { ProbeAnswer, ScenarioName } from "../../shared/api.ts";
import { type Attempt, type ScenarioInput, toAttempt } from "./scenario.ts";

/** No answer of ours is longer, or later. */
const answerBytesMax = 16 * 1024;
const answerTimeoutMs = 5_000;

/**
 * Opens a WebSocket to this very server, as a browser would, and hands back the answer as it was sent.
 * A page can't do this by itself: a browser lets it neither read a refused upgrade nor choose an `Origin`.
 */
export async function probe({
  scenario,
  ...input
}: ScenarioInput & { readonly scenario: ScenarioName }): Promise<ProbeAnswer> {
  const attempt = await toAttempt(scenario, input);
  const request = toRequest(attempt, `${input.config.host}:${input.port}`);
  const answer = await exchange(input.port, request);
  return {
    path: attempt.path,
    request: redact(request, attempt),
    ...split(answer),
    token: scenario === "held" ? null : attempt.token,
  };
}

function toRequest({ path, origin, token }: Attempt, host: string): string[] {
  const lines = [
    `GET ${path}?vsn=2.0.0 HTTP/1.1`,
    `Host: ${host}`,
    `Origin: ${origin}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
  ];
  // Where the phoenix client puts its authToken: a header that a page can set and that no access log keeps.
  if (token) lines.push(`Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.${toUnpaddedBase64(token)}`);
  return lines;
}

function toUnpaddedBase64(token: string): string {
  return Buffer.from(token, "latin1").toString("base64").replaceAll("=", "");
}

/** The page shows the request, in front of whoever looks over the person's shoulder. */
function redact(request: readonly string[], { token }: Attempt): string[] {
  return request.map((line) => (token ? line.replace(toUnpaddedBase64(token), "••••••••") : line));
}

function exchange(port: number, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ port, host: "127.0.0.1" });
    socket.setEncoding("latin1");
    socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error("The server did not answer its own probe.")));
    socket.on("connect", () => socket.write(`${lines.join("\r\n")}\r\n\r\n`));
    socket.on("data", (chunk: string) => {
      answer += chunk;
      if (isComplete(answer) || answer.length > answerBytesMax) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer.slice(0, answerBytesMax)));
  });
}

/** An accepted upgrade stays open, and so may a refused one: the end is where the headers say it is. */
function isComplete(answer: string): boolean {
  const headersEnd = answer.indexOf("\r\n\r\n");
  if (headersEnd < 0) return false;
  if (answer.startsWith("HTTP/1.1 101")) return true;
  const length = /^content-length: *(\d+)\r$/im.exec(answer.slice(0, headersEnd + 2))?.[1];
  return length !== undefined && answer.length >= headersEnd + 4 + Number(length);
}

function split(answer: string): Pick<ProbeAnswer, "statusLine" | "headers" | "body"> {
  const headersEnd = answer.indexOf("\r\n\r\n");
  const [statusLine = "", ...headers] = answer.slice(0, headersEnd < 0 ? undefined : headersEnd).split("\r\n");
  // After a 101 come frames of another protocol, not a body.
  const body = headersEnd < 0 || statusLine.includes(" 101 ") ? "" : answer.slice(headersEnd + 4);
  return { statusLine, headers, body: Buffer.from(body, "latin1").toString("utf8") };
}
