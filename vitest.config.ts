import { defineConfig } from "vitest/config";

export default defineConfig({
  // "portcullis" is its sources: no test ever meets a build that is older than they are.
  resolve: { conditions: ["portcullis-source"] },
  ssr: { resolve: { conditions: ["portcullis-source"] } },
  test: {
    include: [
      "packages/*/test/**/*.test.ts",
      "conformance/**/*.test.ts",
      "bench/**/*.test.ts",
      "examples/**/*.test.ts",
      "docs/**/*.test.ts",
      "scripts/**/*.test.ts",
    ],
    exclude: ["**/node_modules/**", "**/dist/**"],
    // Left alone Vitest keeps a core for itself, which is half of a machine with two.
    maxWorkers: "100%",
    // Generous, because a busy machine is slow and a test that hangs is found either way.
    testTimeout: 20_000,
    hookTimeout: 60_000,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
