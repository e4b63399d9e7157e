import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exec } from "../../../lib/process/exec.ts";
import { sleepProgram } from "./sleep-program.ts";

test("the program is a static ELF file of one segment that cannot be written to, for the machine that is asked for", () => {
  for (const [architecture, machine] of [
    ["amd64", 62],
    ["arm64", 183],
  ] as const) {
    const bytes = Buffer.from(sleepProgram(architecture, 5) ?? []);
    expect(bytes.subarray(0, 7).toString("hex")).toBe("7f454c46020101");
    expect([bytes.readUInt16LE(16), bytes.readUInt16LE(18), bytes.readUInt16LE(56)]).toEqual([2, machine, 1]);
    const [type, flags] = [bytes.readUInt32LE(64), bytes.readUInt32LE(68)];
    expect([type, flags, bytes.readBigUInt64LE(96)]).toEqual([1, 5, BigInt(bytes.length)]);
    // It begins after the two headers.
    expect(bytes.readBigUInt64LE(24) - bytes.readBigUInt64LE(80)).toBe(120n);
  }
  expect(sleepProgram("riscv64", 5)).toBeUndefined();
});

test("its instructions are those that assemblers make", () => {
  const codeOf = (architecture: string) =>
    Buffer.from(sleepProgram(architecture, 5) ?? [])
      .subarray(120)
      .toString("hex");
  expect(codeOf("amd64")).toBe("6a006a054889e731f6b8230000000f0531ffb83c0000000f05");
  // Each word in the order of its bytes.
  expect(codeOf("arm64")).toBe("a90080d2e97fbfa9e0030091010080d2a80c80d2010000d4000080d2a80b80d2010000d4");
});

test.skipIf(process.arch !== "x64" || process.platform !== "linux")(
  "it sleeps for the given time, and ends without an error",
  async () => {
    const folder = mkdtempSync("/tmp/kiln-sleep-");
    try {
      const file = join(folder, "sleep");
      writeFileSync(file, sleepProgram("amd64", 1) ?? "");
      chmodSync(file, 0o555);
      const startMs = performance.now();
      expect((await exec([file], { accept: "any" })).code).toBe(0);
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(1000);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
