/** What a page loads: nothing of the server's, nothing of Node's, and not much. */
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";

const entry = new URL("../../src/client/client.ts", import.meta.url).pathname;
/** The official client, minified in the same way, has 25 kB, and 7.7 when compressed. */
const bytesMax = { minified: 21_000, compressed: 7_600 };
let bundle: { readonly text: string; readonly inputs: readonly string[] };

beforeAll(async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    metafile: true,
  });
  bundle = { text: outputFiles[0]?.text ?? "", inputs: Object.keys(metafile.inputs) };
});

test("holds the client", () => {
  expect(bundle.text).toContain("phx_join");
  expect(bundle.text).toContain("createClient");
});

test("holds nothing of Node's, and no code of the server's", () => {
  expect(bundle.text).not.toMatch(/node:|\brequire\(|\bprocess\./);
  expect(bundle.inputs.filter((path) => !/src\/(client\/[\w-]+|protocol\/(events|frame))\.ts$/.test(path))).toEqual([]);
});

test("is small", () => {
  expect(Buffer.byteLength(bundle.text)).toBeLessThan(bytesMax.minified);
  expect(gzipSync(bundle.text).length).toBeLessThan(bytesMax.compressed);
});
