import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, relative, sep } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface StaticFile {
  readonly bytes: Buffer;
  readonly type: string;
  readonly etag: string;
  readonly cacheControl: string;
}

/** The built page, read once. A path that is not one of its files finds nothing, whatever is in it. */
export type StaticFiles = ReadonlyMap<string, StaticFile>;

export function readStaticFiles(directory: string): StaticFiles {
  if (!existsSync(join(directory, "index.html"))) {
    throw new Error(
      `There is no built page in ${directory}. It is made by \`npm run build --workspace hello-sockets\`, ` +
        "which `npm start` does first.",
    );
  }
  const files = new Map<string, StaticFile>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const url = `/${relative(directory, path).split(sep).join("/")}`;
    const bytes = readFileSync(path);
    files.set(url, {
      bytes,
      type: types[extname(path)] ?? "application/octet-stream",
      etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`,
      // Vite puts a hash of the content into these names, so they never change; a page does.
      cacheControl: url.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    });
  }
  return files;
}

/** False if there is no such file. */
export function sendStatic(
  files: StaticFiles,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const file = files.get(path);
  if (!file || (request.method !== "GET" && request.method !== "HEAD")) return false;
  response.setHeader("etag", file.etag);
  response.setHeader("cache-control", file.cacheControl);
  if (request.headers["if-none-match"] === file.etag) {
    response.writeHead(304).end();
    return true;
  }
  response.writeHead(200, { "content-type": file.type, "content-length": file.bytes.length });
  response.end(request.method === "HEAD" ? undefined : file.bytes);
  return true;
}
