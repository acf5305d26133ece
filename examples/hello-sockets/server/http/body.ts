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
  if (Number(request.headers["content-length"] ?? 0) > bodyBytesMax) throw tooLong();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    // Counted as well as announced: a chunked body has no content-length.
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw tooLong();
    chunks.push(chunk);
  }
  const checked = schema.safeParse(parse(Buffer.concat(chunks).toString("utf8")));
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  const field = issue?.path[0];
  throw new HttpProblem(
    422,
    issue?.message ?? "That is not what this form sends.",
    field === "name" || field === "password" ? field : undefined,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpProblem(400, "The body is not JSON.");
  }
}

function tooLong(): HttpProblem {
  return new HttpProblem(413, `The body is longer than ${bodyBytesMax / 1024} KiB.`);
}
