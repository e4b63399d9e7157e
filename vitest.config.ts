import { defineConfig } from "vitest/config";

// Two projects: `unit` needs nothing but Node.js and is part of `npm run check`; `integration` runs the real
// parts (apt, runc, HAProxy) and prints the reason of every skip.
export default defineConfig({
  test: {
    maxWorkers: "100%", // the default leaves one processor idle
    projects: [
      {
        test: {
          name: "unit",
          isolate: false, // loading all modules for each file again takes longer than its tests
          testTimeout: 120_000, // a machine that does much else at the same time does not count as a failure
          include: ["{src,test,scripts,bench}/**/*.test.ts"],
          exclude: ["**/*.int.test.ts", "test/e2e/**"],
        },
      },
      {
        test: {
          name: "integration",
          include: ["{src,test}/**/*.int.test.ts", "test/e2e/**/*.test.ts"],
          testTimeout: 300_000, // as above
          hookTimeout: 300_000,
          fileParallelism: false,
          maxConcurrency: 3, // of suites that say so: they wait more than they work
        },
      },
    ],
  },
});
