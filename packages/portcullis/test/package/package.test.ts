/** The package as npm would publish it, in an empty project: its files, its exports, its types, the README's start. */
import { readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { compilers, libraryFolder } from "../../../../scripts/repository.ts";
import { checkTypes } from "../../../../scripts/type-tests.ts";
import { createProject, filesBelow, type Project, run } from "./project.ts";
import { exampleIn, readme, startExample } from "./readme-example.ts";

const timeout = 120_000;
/** A user's: nothing of the repository's but Node's types, and declarations are checked like code. */
const compilerOptions = { strict: true, module: "nodenext", target: "es2023", types: ["node"], skipLibCheck: false };
let project: Project;

/** What is inferred here has to be nameable by what the package exports: else TS2883 under `declaration`. */
const definitions = `
import { accept, anyOf, createTickets, defineEndpoint, defineSocket, memoryCredentialStore, reject, session, signedToken, stop } from "portcullis";
import { jwks, jwt } from "portcullis/auth/jwt";
import { libsqlCredentialStore } from "portcullis/auth/libsql";
import { redisCredentialStore } from "portcullis/auth/redis";
import { createTokens } from "portcullis/token";

export const tokens = createTokens({ secretKeyBase: "x".repeat(64) });
export const claim = tokens.verify("user", tokens.sign("user", "1"));
export const authenticate = signedToken({ salt: "user", maxAgeSeconds: 60 });
export const keys = jwks({ url: "https://issuer.example/jwks.json", algorithms: ["ES256"] });
export const store = memoryCredentialStore();
export const stores = [libsqlCredentialStore, redisCredentialStore];
export const tickets = createTickets<{ role: string }>({ store, lifetimeSeconds: 60 });
export const service = jwt({ keys, issuer: "https://issuer.example", audience: "api", maxAgeSeconds: 60 });
export const several = anyOf({ authenticate, service, ticket: tickets.authenticate });
export const page = session({ subject: (content: { id: string }) => content.id, issuedAt: () => 0, maxAgeSeconds: 60 });
export const guarded = defineSocket({ authenticate: several, connect: ({ identity }) => ({ identity }) });
export const socket = defineSocket({
  authenticate,
  connectInfo: ["peer", "uri", "xHeaders", { own: 1 }],
  connect: (request) =>
    request.params["a"] === "b" ? accept({ assigns: { request, who: request.identity.subject } }) : reject("no"),
});
export const room = socket
  .channel("room:{name}:*", {
    authorize: async (channel) => channel.topicParams.rest === "all" || reject("not yours"),
    join: async (_params, channel) => accept({ reply: { at: 1 }, assigns: { first: channel.topicParams } }),
  })
  .on({ say: (_text, channel) => (channel.joined ? { by: channel.assigns.who } : stop({ reply: { bye: true } })) })
  .intercept({ said: (payload, channel) => channel.push("said", payload) })
  .info({ tick: (message: number, channel) => channel.assign({ first: channel.topicParams }), broadcast: () => {} })
  .leave((reason, channel) => console.log(reason.kind, channel.topic));
export const open = defineSocket();
export const endpoint = defineEndpoint({
  secretKeyBase: "x".repeat(64),
  sockets: { "/socket": { socket, channels: [room] }, "/open": { socket: open, channels: [open.channel("ping")] } },
});
`;

beforeAll(async () => {
  project = await createProject();
}, timeout);

afterAll(() => project?.remove());

const manifest = JSON.parse(readFileSync(join(libraryFolder, "package.json"), "utf8")) as {
  exports: Record<string, string | Record<string, string>>;
};
const modules = Object.entries(manifest.exports).flatMap(([subpath, conditions]) =>
  typeof conditions === "string"
    ? []
    : [{ name: `portcullis${subpath.slice(1)}`, source: conditions["portcullis-source"] ?? "" }],
);

test("holds the build, its sources, a README and the licence, and nothing else", () => {
  const files = filesBelow(project.installed);
  expect(files).toEqual(
    expect.arrayContaining(["LICENSE", "README.md", "package.json", "dist/index.js", "src/index.ts"]),
  );
  const others = files.filter((file) => !/^(dist|src)\//.test(file));
  expect(others).toEqual(["LICENSE", "README.md", "package.json"]);
  expect(
    files.filter(
      (file) => /\.test\.|(^|\/)test[s-]?|tsconfig|\.tsbuildinfo$/.test(file) && !file.includes("/testing/"),
    ),
  ).toEqual([]);
});

test("has a declaration for every built file, and maps that lead to the sources beside it", () => {
  const files = new Set(filesBelow(project.installed));
  const built = [...files].filter((file) => /^dist\/.*\.js$/.test(file));
  expect(built.length).toBeGreaterThan(0);
  for (const file of built) {
    expect(files).toContain(file.replace(/\.js$/, ".d.ts"));
    const map = JSON.parse(readFileSync(join(project.installed, `${file}.map`), "utf8")) as { sources: string[] };
    for (const source of map.sources) expect(files).toContain(posix.join(dirname(file), source));
  }
});

test("exports from every subpath what the source exports", { timeout }, async () => {
  const names = JSON.stringify(modules.map(({ name }) => name));
  const script = `for (const name of ${names}) console.log(JSON.stringify([name, Object.keys(await import(name)).sort()]));`;
  const output = await run(process.execPath, [project.write("import-all.mjs", script)], project.folder);
  const packed = Object.fromEntries(
    output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as [string, string[]]),
  );
  for (const { name, source } of modules) {
    const fromSource = await import(/* @vite-ignore */ pathToFileURL(join(libraryFolder, source)).href);
    expect(packed[name], name).toEqual(Object.keys(fromSource).sort());
  }
  expect(Object.keys(packed)).toEqual(modules.map(({ name }) => name));
});

test("compiles for a user, declarations and all", { timeout }, async () => {
  const imports = modules.map(({ name }, index) => `export type * as module${index} from "${name}";`);
  project.write("types.ts", `${imports.join("\n")}\n`);
  const config = { compilerOptions, include: ["types.ts"] };
  const { errors } = await checkTypes(
    compilers.typescript7,
    project.write("tsconfig.types.json", JSON.stringify(config)),
  );
  expect(errors).toEqual([]);
});

test("lets a user emit declarations of definitions, as projects made of several packages do", { timeout }, async () => {
  project.write("definitions.ts", definitions);
  const config = {
    compilerOptions: { ...compilerOptions, declaration: true, exactOptionalPropertyTypes: true },
    include: ["definitions.ts"],
  };
  const file = project.write("tsconfig.definitions.json", JSON.stringify(config));
  for (const compiler of Object.values(compilers)) expect((await checkTypes(compiler, file)).errors).toEqual([]);
});

test("runs the README's example, which compiles and takes a socket", { timeout }, async () => {
  const example = exampleIn(readme());
  expect(example.code.trim().split("\n").length).toBeLessThanOrEqual(20);
  const file = project.write("start.ts", example.code);
  const config = project.write("tsconfig.start.json", JSON.stringify({ compilerOptions, include: ["start.ts"] }));
  expect((await checkTypes(compilers.typescript7, config)).errors).toEqual([]);

  const running = await startExample(file, example);
  try {
    const { port, token } = running;
    const bearer = token && `base64url.bearer.phx.${Buffer.from(token).toString("base64url")}`;
    const query = new URLSearchParams({ vsn: "2.0.0", ...(token && { token }) });
    const url = `ws://localhost:${port}${example.path}/websocket?${query}`;
    const socket = new WebSocket(url, bearer ? ["phoenix", bearer] : []);
    await opened(socket);
    expect(await ask(socket, [null, "1", "phoenix", "heartbeat", {}])).toMatchObject({ status: "ok" });
    if (example.join)
      expect(await ask(socket, ["2", "2", example.join, "phx_join", {}])).toMatchObject({ status: "ok" });
    socket.terminate();
  } finally {
    await running.stop();
  }
});

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
}

/** Sends a message and resolves with the payload of the reply to it. */
function ask(socket: WebSocket, message: [string | null, string, string, string, object]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    socket.once("close", () => reject(new Error(`closed before the answer to ${message[3]}`)));
    socket.on("message", (data) => {
      const [, ref, , event, payload] = JSON.parse(String(data)) as [string, string, string, string, unknown];
      if (event === "phx_reply" && ref === message[1]) resolve(payload);
    });
    socket.send(JSON.stringify(message));
  });
}
