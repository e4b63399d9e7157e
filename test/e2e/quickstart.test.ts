import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { install, waitUntil, whyNoServers } from "./harness.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`quickstart: skipped, because ${why}`);

interface Answer {
  readonly steps: readonly {
    readonly step: string;
    readonly load?: { readonly served: number; readonly lost: number };
  }[];
  readonly lost: number;
  readonly intrusion: { readonly server: string; readonly replacedBy: string; readonly evidence: object };
  readonly kept: { readonly home: string; readonly address: string } | null;
}

test.skipIf(why)("the quickstart loses no request and leaves nothing behind", async () => {
  await using machine = await install();
  const answer = await machine.json<Answer>(["quickstart"], { cwd: "/" });
  expect(answer).toMatchObject({ lost: 0, kept: null });
  expect(answer.steps.map(({ load }) => load !== undefined)).toEqual([false, false, true, true, true]);
  for (const { load } of answer.steps) if (load) expect(load.served).toBeGreaterThan(10);
  expect(answer.intrusion).toMatchObject({
    server: "site-1-1-1",
    replacedBy: "site-1-1-2",
    evidence: {
      taint: { kind: expect.stringMatching(/^(namespace|process)$/) },
      processes: expect.any(Number),
    },
  });
  expect(existsSync(`${machine.home}-quickstart`)).toBe(false);
  expect(await machine.leftovers()).toEqual([]);
});

test.skipIf(why)("what --keep leaves goes on, and Ctrl-C in the next quickstart removes it all", async () => {
  await using machine = await install();
  const { kept } = await machine.json<Answer>(["quickstart", "--keep"]);
  const home = kept?.home ?? "";
  expect((await fetch(kept?.address ?? "")).status).toBe(200);
  expect((await machine.ok(["status", "site"], { env: { KILN_HOME: home } })).stdout).toContain("3/3");
  let interrupted: Promise<void> | undefined;
  const { code, stderr } = await machine.run(["quickstart"], {
    started: (pid) => {
      const { controllerSocket } = openStateFolder({ KILN_HOME: home });
      const wiped = () => !existsSync(controllerSocket) && existsSync(`${machine.home}-quickstart/project`);
      interrupted = waitUntil(wiped, 60_000, "the second quickstart has begun").then(() => {
        process.kill(pid, "SIGINT");
      });
    },
  });
  await interrupted;
  expect(code).toBe(1);
  expect(stderr).toContain("Removing everything that the quickstart made");
  expect(stderr).toContain("[cancelled]");
  expect(existsSync(`${machine.home}-quickstart`)).toBe(false);
  expect(await machine.leftovers()).toEqual([]);
});
