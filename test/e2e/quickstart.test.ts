import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { type Installation, install, kilnPath, waitUntil, whyNoServers } from "./harness.ts";
import { remainsOf } from "./machine.ts";

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

/** Runs the quickstart and, when it has said `moment`, sends its process group what Ctrl-C sends. Resolves to its exit code. */
function interruptAt(
  machine: Installation,
  moment: string,
  signals: readonly NodeJS.Signals[],
): Promise<number> {
  const child = spawn(kilnPath, ["quickstart"], {
    env: { ...process.env, KILN_HOME: machine.home, NO_COLOR: "1" },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let said = "";
  child.stderr.on("data", (chunk) => {
    const before = said.includes(moment);
    said += chunk;
    if (before || !said.includes(moment)) return;
    for (const signal of signals) process.kill(-(child.pid ?? 0), signal);
  });
  return new Promise((resolve) => child.on("close", (code) => resolve(code ?? 128)));
}

test.skipIf(why)(
  "Ctrl-C at any moment leaves nothing, and the next run works, also after one that was cut short",
  async () => {
    await using machine = await install("/tmp", { drifts: true });
    const folder = `${machine.home}-quickstart`;
    for (const moment of ["1. Build", "site-1-1-1 has started", "% of the traffic", "5. Enter"]) {
      expect(await interruptAt(machine, moment, ["SIGINT"]), moment).toBe(1);
      expect(existsSync(folder), moment).toBe(false);
      expect(await remainsOf(join(folder, "state")), moment).toEqual([]);
    }
    // The second signal ends it at once, in the middle of its clean-up.
    expect(await interruptAt(machine, "Removing everything", ["SIGINT", "SIGTERM"])).toBe(130);
    expect(existsSync(folder)).toBe(true);
    const answer = await machine.json<Answer>(["quickstart"]);
    expect(answer).toMatchObject({ lost: 0, kept: null });
    expect(existsSync(folder)).toBe(false);
    expect(await remainsOf(join(folder, "state"))).toEqual([]);
  },
);

test.skipIf(why)("the quickstart loses no request and leaves nothing", async () => {
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
  expect(await remainsOf(`${machine.home}-quickstart/state`)).toEqual([]);
});

test.skipIf(why)(
  "what --keep leaves keeps running, and Ctrl-C in the next quickstart removes it all",
  async () => {
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
    expect(stderr).toContain("Removing everything that the quickstart created");
    expect(stderr).toContain("[cancelled]");
    expect(existsSync(`${machine.home}-quickstart`)).toBe(false);
    expect(await remainsOf(`${machine.home}-quickstart/state`)).toEqual([]);
  },
);
