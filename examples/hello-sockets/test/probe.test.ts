import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningApp, startApp } from "./start-app.ts";
import { Visitor } from "./visitor.ts";

let running: RunningApp;
let visitor: Visitor;

beforeAll(async () => {
  running = await startApp();
  visitor = new Visitor(running);
  await visitor.post("/api/sign-up", { name: "Ada", password: "correct horse battery" });
});
afterAll(() => running.stop());

describe("the gate, from outside", () => {
  it.each([
    ["missing", '{"reason":"missing"}'],
    ["forged", '{"reason":"invalid"}'],
    ["expired", '{"reason":"expired"}'],
  ])("refuses a token that is %s with 403, before the upgrade", async (scenario, body) => {
    const { json } = await visitor.post("/api/probe", { scenario });
    expect(json.statusLine).toBe("HTTP/1.1 403 Forbidden");
    expect(json.body).toBe(body);
  });

  it("refuses a pass that the same issuer made for another app, and says no more than that it is invalid", async () => {
    const { json } = await visitor.post("/api/probe", { scenario: "audience" });
    expect(json.statusLine).toBe("HTTP/1.1 403 Forbidden");
    expect(json.request[0]).toContain("/pass_socket/websocket");
    expect(json.body).toBe("");
    const asked = await askWhy(visitor, "/pass_socket", json.token);
    expect(asked).toEqual({ status: 403, json: { reason: "credential_invalid", retry: "reauth" } });
  });

  it("refuses a foreign page even where no token is asked for", async () => {
    const { json } = await visitor.post("/api/probe", { scenario: "foreign" });
    expect(json.statusLine).toBe("HTTP/1.1 403 Forbidden");
    expect(json.request).toContain(`Origin: ${running.foreign}`);
    expect(json.request[0]).toContain("/socket/websocket");
  });

  it("opens for a token of ours, and never shows it", async () => {
    const { token } = (await visitor.get("/api/socket-token")).json;
    const { json, text } = await visitor.post("/api/probe", { scenario: "held", token });
    expect(json.statusLine).toBe("HTTP/1.1 101 Switching Protocols");
    expect(json.headers.map((line: string) => line.toLowerCase())).toContain("sec-websocket-protocol: phoenix");
    expect(text).not.toContain(token);
    expect(text).not.toContain(Buffer.from(token).toString("base64").replaceAll("=", ""));
  });

  it("stays shut for a token from before signing out everywhere, and opens for one from after", async () => {
    const person = new Visitor(running);
    const form = { name: "Grace", password: "correct horse battery" };
    await person.post("/api/sign-up", form);
    const before = (await person.get("/api/socket-token")).json.token;
    const passBefore = (await person.get("/api/pass")).json.token;
    await person.post("/api/sign-out-everywhere");
    const refused = (await person.post("/api/probe", { scenario: "held", token: before })).json;
    expect(refused.statusLine).toBe("HTTP/1.1 403 Forbidden");
    const revoked = { status: 403, json: { reason: "credential_revoked", retry: "reauth" } };
    expect(await askWhy(person, "/auth_socket", before)).toEqual(revoked);
    expect(await askWhy(person, "/pass_socket", passBefore)).toEqual(revoked);
    await person.post("/api/sign-in", form);
    const after = (await person.get("/api/socket-token")).json.token;
    expect((await person.post("/api/probe", { scenario: "held", token: after })).json.statusLine).toContain(" 101 ");
    const passAfter = (await person.get("/api/pass")).json.token;
    expect((await askWhy(person, "/pass_socket", passAfter)).json.reason).toBe("upgrade_required");
  });

  it("stays shut for such a token after a restart too", async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), "hello-data-"));
    const first = await startApp({ dataDirectory });
    const person = new Visitor(first);
    await person.post("/api/sign-up", { name: "Ada", password: "correct horse battery" });
    const { token } = (await person.get("/api/socket-token")).json;
    expect((await askWhy(person, "/auth_socket", token)).json.reason).toBe("upgrade_required");
    await person.post("/api/sign-out-everywhere");
    await first.stop();

    const second = await startApp({ dataDirectory });
    expect((await askWhy(new Visitor(second), "/auth_socket", token)).json.reason).toBe("credential_revoked");
    await second.stop();
    rmSync(dataDirectory, { recursive: true, force: true });
  });
});

describe("passes and rights", () => {
  it("are for people who are signed in", async () => {
    const stranger = new Visitor(running);
    expect((await stranger.get("/api/pass")).status).toBe(401);
    expect((await stranger.post("/api/treasury", { allowed: false })).status).toBe(401);
  });

  it("are a person's own: taking one away leaves the others theirs", async () => {
    const [grace, barbara] = [new Visitor(running), new Visitor(running)];
    for (const [person, name] of [
      [grace, "Hopper"],
      [barbara, "Liskov"],
    ] as const) {
      await person.post("/api/sign-up", { name, password: "correct horse battery" });
    }
    expect((await grace.post("/api/treasury", { allowed: "no" })).status).toBe(422);
    expect((await grace.post("/api/treasury", { allowed: false })).json).toEqual({ allowed: false });
    const socket = await connectWithPass(grace);
    expect(await socket.refused("chamber:treasury")).toEqual({ reason: "your right was taken away" });
    await socket.join("chamber:hall");
    await (await connectWithPass(barbara)).join("chamber:treasury");
    await grace.post("/api/treasury", { allowed: true });
    await (await connectWithPass(grace)).join("chamber:treasury");
  });
});

describe("the probe", () => {
  it.each([
    { scenario: "other" },
    { scenario: "__proto__" },
    { scenario: "held", token: "x\r\nHost: evil.example" },
    { scenario: "held", token: "t".repeat(2_049) },
    { scenario: "missing", host: "evil.example", port: 80 },
    {},
  ])("knocks on no door but its own: %j", async (question) => {
    const { status, json } = await visitor.post("/api/probe", question);
    if (question.scenario === "missing") expect(json.request[1]).toBe(`Host: localhost:${running.port}`);
    else expect(status).toBe(422);
  });

  it("is bounded per address", async () => {
    const strict = await startApp({ probesPerMinute: 2, now: () => 1_700_000_000_000 });
    try {
      const knock = () => new Visitor(strict).post("/api/probe", { scenario: "missing" });
      expect([(await knock()).status, (await knock()).status, (await knock()).status]).toEqual([200, 200, 429]);
    } finally {
      await strict.stop();
    }
  });
});

/** Asks as a client does that was refused. */
async function askWhy(visitor: Visitor, socket: string, token: string) {
  const headers = { accept: "application/json", "x-phoenix-authtoken": token };
  const { status, json } = await visitor.get(`${socket}/websocket?vsn=2.0.0`, headers);
  return { status, json };
}

async function connectWithPass(visitor: Visitor) {
  const { token } = (await visitor.get("/api/pass")).json;
  return connect(running.app.endpoint, "/pass_socket", { token });
}
