/** The lesson as data: the code blocks of each step, read from the Markdown. */
import { readFileSync } from "node:fs";

/** A fenced block: what stands after the fence, and what is inside. */
export interface Block {
  readonly language: string;
  readonly file: string | null;
  readonly lines: readonly string[];
}

/** A section of the page. */
export interface Step {
  readonly title: string;
  /** `step-3.ts` */
  readonly file: string;
  readonly blocks: readonly Block[];
}

/** Reads every `## Step N: …` of a page. */
export function readSteps(page: URL): readonly Step[] {
  const [, ...sections] = readFileSync(page, "utf8").split(/^## (?=Step \d)/m);
  return sections.map((section, index) => ({
    title: section.slice(0, section.indexOf("\n")),
    file: `step-${index + 1}.ts`,
    blocks: [...section.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(([, language, file, text]) => ({
      language: language as string,
      file: file ?? null,
      lines: (text as string).trimEnd().split("\n"),
    })),
  }));
}

/** The parts of a block that shows a file with gaps: they stand between lines `// …`. */
export function partsOf({ lines }: Block): readonly (readonly string[])[] {
  const parts: string[][] = [[]];
  for (const line of lines) {
    if (line.trim() === "// …") parts.push([]);
    else parts.at(-1)?.push(line);
  }
  return parts;
}

/** One command of a transcript with the lines it makes appear. */
export interface Exchange {
  readonly command: string;
  readonly output: readonly string[];
}

/** A `console` block, taken apart at its prompts. */
export function exchangesOf({ lines }: Block): readonly Exchange[] {
  const exchanges: { command: string; output: string[] }[] = [];
  for (const line of lines) {
    if (line.startsWith("$ ")) exchanges.push({ command: line.slice(2), output: [] });
    else exchanges.at(-1)?.output.push(line);
  }
  return exchanges;
}
