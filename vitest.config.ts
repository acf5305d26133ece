import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["portcullis-source"] },
  ssr: { resolve: { conditions: ["portcullis-source"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "conformance/**/*.test.ts", "bench/**/*.test.ts", "examples/**/*.test.ts", "docs/**/*.test.ts", "scripts/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
