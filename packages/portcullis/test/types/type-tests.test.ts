/** The harness of the type assertions: that it can fail, under both compilers, in both directions. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compilers } from "../../../../scripts/repository.ts";
import { checkTypes } from "../../../../scripts/type-tests.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "portcullis-types-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function project(assertion: string): string {
  const config = join(folder, "tsconfig.json");
  const compilerOptions = { strict: true, module: "nodenext", target: "es2023", types: [] };
  writeFileSync(config, JSON.stringify({ compilerOptions, include: ["."] }));
  writeFileSync(join(folder, "assertion.ts"), `${assertion}\nexport {};\n`);
  return config;
}

describe.each(Object.entries(compilers))("type assertions under %s", { timeout: 60_000 }, (_name, compiler) => {
  test("hold when they compile", async () => {
    const { errors, files } = await checkTypes(compiler, project("const a: string = 'a'; void a;"));
    expect(errors).toEqual([]);
    expect(files.filter((file) => file.endsWith("/assertion.ts"))).toHaveLength(1);
  });

  test("fail when a type is wrong", async () => {
    const { errors } = await checkTypes(compiler, project("const a: string = 1; void a;"));
    expect(errors.join("\n")).toMatch(/assertion\.ts\(1,7\): error TS2322/);
  });

  test("fail when an expected error is none", async () => {
    const { errors } = await checkTypes(compiler, project("// @ts-expect-error\nconst a: string = 'a'; void a;"));
    expect(errors.join("\n")).toMatch(/assertion\.ts\(1,1\): error TS2578/);
  });
});
