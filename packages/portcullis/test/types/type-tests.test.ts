/** The harness of the type assertions: that it can fail, under both compilers, in both directions. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compilers } from "../../../../scripts/repository.ts";
import { checkTypes } from "../../../../scripts/type-tests.ts";

let folder: string;
let config: string;

const assertions = {
  "holds.ts": "const a: string = 'a'; void a;",
  "wrong.ts": "const a: string = 1; void a;",
  "stale.ts": "// @ts-expect-error\nconst a: string = 'a'; void a;",
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "portcullis-types-"));
  config = join(folder, "tsconfig.json");
  const compilerOptions = { strict: true, module: "nodenext", target: "es2023", types: [] };
  writeFileSync(config, JSON.stringify({ compilerOptions, include: ["."] }));
  for (const [name, text] of Object.entries(assertions)) writeFileSync(join(folder, name), `${text}\nexport {};\n`);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test.each(Object.entries(compilers))(
  "a wrong type and an error that doesn't come are both reported by %s",
  { timeout: 60_000 },
  async (_name, compiler) => {
    const { errors, files } = await checkTypes(compiler, config);
    expect(
      files
        .filter((file) => file.includes("/portcullis-types-"))
        .map((file) => basename(file))
        .sort(),
    ).toEqual(["holds.ts", "stale.ts", "wrong.ts"]);
    const text = errors.join("\n");
    expect(text).toMatch(/wrong\.ts\(1,7\): error TS2322/);
    expect(text).toMatch(/stale\.ts\(1,1\): error TS2578/);
    expect(text).not.toMatch(/holds\.ts/);
  },
);
