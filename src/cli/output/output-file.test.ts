import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Client } from "../api.ts";
import { cli } from "../test-kit.ts";
import { writeOutputFile } from "./output-file.ts";

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-o-");
});
afterEach(() => rmSync(folder, { recursive: true }));

const client: Partial<Client> = {
  checkpoint: async () => ({
    ...{ sequence: 8, digest: "sha256:ab", atMs: 5, keyId: "0123456789abcdef", signature: "aGk=" },
    publicKey: "PEM",
  }),
  exportEvidence: async function* () {
    yield { data: "aGVsbG8=" };
    yield { data: "IQ==" };
  },
};
const commands = [[["audit", "export"]], [["audit", "checkpoint"]], [["evidence", "export", "shop-1-1-1"]]];
const run = (argv: readonly string[]) => cli(argv, { client, cwd: folder, home: at("state") });

test.each(commands)("%j says why a file cannot be written, and what to do", async (argv) => {
  mkdirSync(at("folder"));
  writeFileSync(at("file"), "");
  for (const [path, why] of [
    ["none/x", "the folder does not exist"],
    ["file/x", "a part of the path is a file, not a folder"],
    ["folder", "it is a folder"],
  ] as const) {
    const { code, stderr } = await run([...argv, "--output", path]);
    expect([code, stderr.split("\n")[0]]).toEqual([
      2,
      `error [usage] ${at(path)} cannot be written: ${why}.`,
    ]);
    expect(stderr).toContain("`--output -` is standard output.");
  }
});

test.each(commands)("%j replaces a file only when asked to", async (argv) => {
  writeFileSync(at("kept"), "a proof", { mode: 0o644 });
  const refused = await run([...argv, "-o", "kept"]);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining(`${at("kept")} already exists.`),
  ]);
  expect(readFileSync(at("kept"), "utf8")).toBe("a proof");
  expect((await run([...argv, "-o", "kept", "--force"])).code).toBe(0);
  expect(readFileSync(at("kept"), "utf8")).not.toContain("a proof");
});

test("a hyphen is standard output", async () => {
  expect((await run(["evidence", "export", "shop-1-1-1", "-o", "-"])).stdout).toBe("hello!");
  expect(JSON.parse((await run(["audit", "checkpoint", "--output", "-"])).stdout)).toMatchObject({
    sequence: 8,
  });
  expect(await run(["audit", "export", "--output", "-"])).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(readdirSync(folder)).toEqual([]);
});

test("only its owner can read evidence, also after it replaces a file that everyone could read", async () => {
  writeFileSync(at("shop-1-1-1.tar"), "", { mode: 0o644 });
  await run(["evidence", "export", "shop-1-1-1", "--force"]);
  expect(statSync(at("shop-1-1-1.tar")).mode & 0o777).toBe(0o600);
});

test("nothing is left of a file that could not be finished", async () => {
  const work = async (write: (piece: string) => Promise<void>) => {
    await write("half");
    throw new Error("the other half is gone");
  };
  await expect(writeOutputFile(at("x"), {}, work)).rejects.toThrow("the other half is gone");
  expect(readdirSync(folder)).toEqual([]);
});

test("a file stays until its replacement is complete", async () => {
  writeFileSync(at("x"), "a proof");
  const fail = () => Promise.reject(new Error("no evidence"));
  await expect(writeOutputFile(at("x"), { force: true }, fail)).rejects.toThrow("no evidence");
  expect(readdirSync(folder)).toEqual(["x"]);
  expect(readFileSync(at("x"), "utf8")).toBe("a proof");
});

test("a device is written in place", async () => {
  await writeOutputFile("/dev/null", {}, (write) => write("x"));
  expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
});
