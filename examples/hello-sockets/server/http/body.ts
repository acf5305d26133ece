import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import { HttpProblem } from "./respond.ts";

/** The longest body any route takes. A name, a password and a token fit in many times over. */
const bodyBytesMax = 8 * 1024;

/** Reads a JSON body and checks it. How long a client may take is the server's `requestTimeout`. */
export async function readJson<Schema extends z.ZodType>(
  request: IncomingMessage,
  schema: Schema,
): Promise<z.output<Schema>> {
  const checked = schema.safeParse(parse(await readText(request)));
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  const field = issue?.path[0];
  throw new HttpProblem(
    422,
    issue?.message ?? "That is not what this form sends.",
    field === "name" || field === "password" ? field : undefined,
  );
}

function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // Counted, whatever content-length says: a chunked body has none.
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) reject(new HttpProblem(413, `The body is longer than ${bodyBytesMax / 1024} KiB.`));
      else chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.on("error", reject);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpProblem(400, "The body is not JSON.");
  }
}
