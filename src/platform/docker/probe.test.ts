import { expect, test } from "vitest";
import { type EngineInfo, engineInfo } from "./engine/answers.ts";
import { readinessOf } from "./probe.ts";

/** What Debian 12's engine says on a machine with everything, with live-restore. */
const info: EngineInfo = engineInfo.parse({
  ...{ ServerVersion: "20.10.24+dfsg1", Driver: "overlay2", Architecture: "x86_64", OSType: "linux" },
  ...{ CgroupVersion: "2", LiveRestoreEnabled: true, SecurityOptions: ["name=seccomp,profile=default"] },
});

test("a machine's own engine with live-restore has no gaps", () => {
  expect(readinessOf(info, "1.41")).toMatchObject({
    ...{ usable: true, gaps: [] },
    facts: ["Docker 20.10.24+dfsg1 (API 1.41)", "images in overlay2, cgroup v2, x86_64"],
  });
});

test.each([
  ["rootless", { SecurityOptions: ["name=seccomp,profile=default", "name=rootless"] }, false],
  ["userns-remap", { SecurityOptions: ["name=seccomp,profile=default", "name=userns"] }, false],
  ["windows containers", { OSType: "windows" }, false],
  ["live-restore", { LiveRestoreEnabled: false }, true],
  ["seccomp", { SecurityOptions: null }, true],
  ["memory, processes", { MemoryLimit: false, PidsLimit: false }, true],
])("%s: a gap with a remedy", (word, change, usable) => {
  const readiness = readinessOf({ ...info, ...change }, "1.41");
  expect(readiness.usable).toBe(usable);
  expect(readiness.gaps).toHaveLength(1);
  const [gap] = readiness.gaps;
  expect(`${gap?.what} ${gap?.remedy}`).toContain(word);
  expect(gap?.severity).toBe(usable ? "degraded" : "fatal");
});
