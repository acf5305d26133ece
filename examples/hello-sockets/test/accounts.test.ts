import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPasswords } from "../server/password.ts";
import { type RunningApp, startApp } from "./start-app.ts";
import { Visitor } from "./visitor.ts";

let running: RunningApp;
const secret = "correct horse battery";

beforeAll(async () => {
  running = await startApp();
});
afterAll(() => running.stop());

describe("signing up", () => {
  it("signs in at once, with a cookie that scripts can't read", async () => {
    const visitor = new Visitor(running);
    expect((await visitor.get("/api/session")).json.person).toBeNull();
    const signedUp = await visitor.post("/api/sign-up", { name: " Ada ", password: secret });
    expect(signedUp.status).toBe(201);
    expect(signedUp.json).toEqual({ id: expect.stringMatching(/^\d+$/), name: "Ada" });
    expect(signedUp.headers["set-cookie"]).toEqual([
      expect.stringMatching(/; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/),
    ]);
    expect((await visitor.get("/api/session")).json.person).toEqual(signedUp.json);
  });

  it.each(["Grace", "grace", "GRACE", "ｇｒａｃｅ"])("refuses a name that is taken: %s", async (name) => {
    await new Visitor(running).post("/api/sign-up", { name: "Grace", password: secret });
    const second = await new Visitor(running).post("/api/sign-up", { name, password: secret });
    expect(second.status).toBe(409);
    expect(second.json.field).toBe("name");
    expect(second.headers["set-cookie"]).toBeUndefined();
  });

  it("lets one of two simultaneous sign-ups have the name", async () => {
    const both = await Promise.all(
      [1, 2].map(() => new Visitor(running).post("/api/sign-up", { name: "Twins", password: secret })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  it.each([
    [{ name: "x", password: secret }, "name"],
    [{ name: "y".repeat(33), password: secret }, "name"],
    [{ name: "<b>bold</b>", password: secret }, "name"],
    [{ name: ["Ada"], password: secret }, "name"],
    [{ name: "Short", password: "1234567" }, "password"],
    [{ name: "Long", password: "p".repeat(129) }, "password"],
    [{ name: "None" }, "password"],
    [[], undefined],
  ])("says what is wrong with %j", async (form, field) => {
    const answer = await new Visitor(running).post("/api/sign-up", form);
    expect(answer.status).toBe(422);
    expect(answer.json.field).toBe(field);
    expect(answer.json.problem).toMatch(/[.]$|expected/);
  });

  it("treats a name like constructor as any other", async () => {
    const visitor = new Visitor(running);
    expect((await visitor.post("/api/sign-up", { name: "constructor", password: secret })).status).toBe(201);
    expect((await visitor.get("/api/session")).json.person.name).toBe("constructor");
  });
});

describe("signing in", () => {
  it("answers a wrong password and an unknown name alike", async () => {
    await new Visitor(running).post("/api/sign-up", { name: "Edsger", password: secret });
    const wrong = await new Visitor(running).post("/api/sign-in", { name: "Edsger", password: "wrong wrong" });
    const unknown = await new Visitor(running).post("/api/sign-in", { name: "Nobody", password: "wrong wrong" });
    expect(wrong.status).toBe(401);
    expect({ status: unknown.status, text: unknown.text }).toEqual({ status: wrong.status, text: wrong.text });
    expect(wrong.headers["set-cookie"]).toBeUndefined();
  });

  it("takes the name in any case, and the right password", async () => {
    const visitor = new Visitor(running);
    await new Visitor(running).post("/api/sign-up", { name: "Barbara", password: secret });
    expect((await visitor.post("/api/sign-in", { name: "barbara", password: secret })).json.name).toBe("Barbara");
  });

  it("is bounded per address and per name", async () => {
    const strict = await startApp({ attemptsPerMinute: 3, now: () => 1_700_000_000_000 });
    try {
      const guess = () => new Visitor(strict).post("/api/sign-in", { name: "Ada", password: "guess guess" });
      const statuses = [];
      for (let attempt = 0; attempt < 5; attempt += 1) statuses.push((await guess()).status);
      expect(statuses).toEqual([401, 401, 401, 429, 429]);
    } finally {
      await strict.stop();
    }
  });
});

describe("signing out", () => {
  it("here ends this browser only", async () => {
    const [here, there] = [new Visitor(running), new Visitor(running)];
    await here.post("/api/sign-up", { name: "Alan", password: secret });
    await there.post("/api/sign-in", { name: "Alan", password: secret });
    expect((await here.post("/api/sign-out")).status).toBe(204);
    expect((await here.get("/api/session")).json.person).toBeNull();
    expect((await there.get("/api/session")).json.person.name).toBe("Alan");
  });

  it("everywhere ends every browser, and signing in again works", async () => {
    const [here, there] = [new Visitor(running), new Visitor(running)];
    await here.post("/api/sign-up", { name: "Radia", password: secret });
    await there.post("/api/sign-in", { name: "Radia", password: secret });
    expect((await here.post("/api/sign-out-everywhere")).status).toBe(204);
    expect((await there.get("/api/session")).json.person).toBeNull();
    expect((await there.get("/api/socket-token")).status).toBe(401);
    await there.post("/api/sign-in", { name: "Radia", password: secret });
    expect((await there.get("/api/session")).json.person.name).toBe("Radia");
  });

  it("everywhere needs somebody who is signed in", async () => {
    expect((await new Visitor(running).post("/api/sign-out-everywhere")).status).toBe(401);
  });
});

describe("a session", () => {
  it("is not what a socket token is, nor the other way round", async () => {
    const visitor = new Visitor(running);
    await visitor.post("/api/sign-up", { name: "Salty", password: secret });
    const { token } = (await visitor.get("/api/socket-token")).json;
    const thief = await new Visitor(running).get("/api/session", { cookie: `hello_session=${token}` });
    expect(thief.json.person).toBeNull();
  });

  it.each(["", "x", "a.b.c", `${"A".repeat(4000)}`])("is not made of %j", async (cookie) => {
    const answer = await new Visitor(running).get("/api/session", { cookie: `hello_session=${cookie}; other` });
    expect(answer.json.person).toBeNull();
  });
});

describe("passwords", () => {
  it("are kept as scrypt hashes with their cost and a salt each", async () => {
    const passwords = await createPasswords(4);
    const [first, second] = await Promise.all([passwords.hash(secret), passwords.hash(secret)]);
    expect(first).toMatch(/^scrypt:4:8:3:[\w-]{22}:[\w-]{43}$/);
    expect(first).not.toBe(second);
    expect(await passwords.check(secret, first)).toBe(true);
    expect(await passwords.check("another one", first)).toBe(false);
    expect(await passwords.check(secret, null)).toBe(false);
  });

  it("still fit after the cost was raised", async () => {
    const old = await (await createPasswords(3)).hash(secret);
    expect(await (await createPasswords(5)).check(secret, old)).toBe(true);
  });

  it("are nowhere in the account file", async () => {
    const clear = "a very recognisable password";
    await new Visitor(running).post("/api/sign-up", { name: "Plain", password: clear });
    for (const file of ["accounts.db", "accounts.db-wal"]) {
      expect(readIfThere(join(running.dataDirectory, file))).not.toContain(clear);
    }
    expect(readIfThere(join(running.dataDirectory, "accounts.db"))).toContain("Plain");
  });
});

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
