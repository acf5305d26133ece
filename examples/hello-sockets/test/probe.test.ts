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
    await person.post("/api/sign-out-everywhere");
    const refused = (await person.post("/api/probe", { scenario: "held", token: before })).json;
    expect(refused.statusLine).toBe("HTTP/1.1 403 Forbidden");
    expect(refused.body).toBe('{"reason":"signed out"}');
    await person.post("/api/sign-in", form);
    const after = (await person.get("/api/socket-token")).json.token;
    expect((await person.post("/api/probe", { scenario: "held", token: after })).json.statusLine).toContain(" 101 ");
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
