/** What must not stand in any file of the repository, whatever its language. */
import type { Rule, Source } from "../source.ts";

/** Lockfiles and recorded facts hold whatever was recorded; their own rules look at them. */
const recorded = /(^|\/)(package-lock\.json|recordings\/|vectors\/|fixtures\/)/;

/** Work that is left is an issue or a sentence about what is absent, not a note to oneself. */
export const noNotesToSelf: Rule = linesMatching(
  /\b(?:TOD[O]|FIXM[E])\b|\bTO-D[O]\b/,
  "leaves a note to oneself; do it, or write down what is absent and why.",
);

/** A path of the machine somebody worked on helps nobody else. */
export const noMachinePaths: Rule = linesMatching(
  /(?<![\w.$}/-])\/(?:work|root)\/[\w.-]|\/tmp\/(?:bash)_jobs|\.\.\/(?:shared)\/(?:facts|design|style)/,
  "names a path of somebody's machine.",
);

/** Which registry packages come from is the business of whoever installs. */
export const noRegistryHosts: Rule = linesMatching(
  /\bregistry\.(?:npmjs|yarnpkg|npmmirror)\.[a-z]+|\bnpm\.pkg\.github\.com/,
  "names a registry's host; leave the choice to npm's configuration.",
  /$^/,
);

function linesMatching(pattern: RegExp, complaint: string, exempt: RegExp = recorded): Rule {
  return (files) =>
    files
      .filter((file) => !exempt.test(file.path) && isText(file))
      .flatMap((file) =>
        pattern.test(file.text)
          ? file.text
              .split("\n")
              .flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1}: ${complaint}`] : []))
          : [],
      );
}

function isText(file: Source): boolean {
  return !file.text.includes("\0");
}
