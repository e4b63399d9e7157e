import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { exec } from "../process/exec.ts";

/** A root whose own inotify instances are counted apart from the machine's: user_namespaces(7), `user.max_inotify_instances`. */
const apart = ["unshare", "--user", "--map-root-user"] as const;
const limit = "/proc/sys/user/max_inotify_instances";
const canLimit = (await exec([...apart, "test", "-w", limit], { accept: "any" })).code === 0;
if (!canLimit)
  console.log("Skipped: what happens without inotify, because no user namespace can be made here.");

const folder = mkdtempSync("/tmp/kiln-");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a script of this source tree writes; `src` is where the modules lie, as an argument. */
async function output(script: string, wrap: readonly [string, ...string[]]): Promise<readonly string[]> {
  const src = join(import.meta.dirname, "../..");
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", "--input-type=module"];
  const argv = [...wrap, ...node, "-e", script, src, folder] as const;
  return (await exec(argv, { timeoutMs: 120_000 })).stdout.trim().split("\n");
}

test.skipIf(!canLimit)(
  "a folder is read where inotify has nothing left, and watched when it has again",
  async () => {
    const script = `
    import { writeFileSync } from "node:fs";
    const [src, folder] = process.argv.slice(1);
    const { watchFolder } = await import(src + "/lib/files/folder-watch.ts");
    const { systemClock: clock } = await import(src + "/lib/time/clock.ts");
    writeFileSync("${limit}", "0");
    const seen = new Set();
    const watch = watchFolder(folder, {
      clock,
      changed: (name) => { if (!seen.has(name)) { seen.add(name); console.log("changed", name); } },
      log: {
        warn: (_, text) => { console.log(text); writeFileSync(folder + "/polled", ""); },
        info: (_, text) => { console.log(text); writeFileSync(folder + "/watched", ""); },
      },
    });
    while (!seen.has("polled")) await clock.sleep(10);
    writeFileSync("${limit}", "10");
    while (!seen.has("watched")) await clock.sleep(10);
    watch[Symbol.dispose]();`;
    expect(await output(script, apart)).toEqual([
      "no events for a folder: it is read each second instead",
      "changed polled",
      "events for a folder arrive again",
      "changed watched",
    ]);
  },
);

test.skipIf(!canLimit)(
  "detectors look by themselves where inotify has nothing left, and say so once",
  async () => {
    const script = `
    import { writeFileSync } from "node:fs";
    const [src, folder] = process.argv.slice(1);
    const { startWatch } = await import(src + "/drift/watch.ts");
    writeFileSync("${limit}", "0");
    const subject = (server) => ({ server, imageFiles: [{ file: folder }], cgroupFolders: [], baseline: { limits: [], bundle: [{ file: folder }] } });
    const subjects = [subject("a"), subject("b")];
    const log = { debug() {}, warn: (_, text) => console.log(text), info: (text) => console.log(text) };
    const inspector = { subjects: () => subjects, watch: () => ({ [Symbol.dispose]() {} }) };
    const watch = startWatch({ inspector, checks: { look: () => [] }, log, tell() {}, image() {} });
    const tells = () => console.log(subjects.map((each) => watch.tells(each, "bundle")).join());
    watch.again();
    tells();
    writeFileSync("${limit}", "10");
    for (let i = 0; i < 3; i++) watch.again();
    tells();
    watch[Symbol.dispose]();`;
    expect(await output(script, apart)).toEqual([
      "inotify has no watches left: the scan looks at everything",
      "false,false",
      "inotify covers all servers again",
      "true,true",
    ]);
  },
);

test("a program that cannot be started for want of file descriptors fails only its caller", async () => {
  const script = `
    import { closeSync, openSync } from "node:fs";
    const [src] = process.argv.slice(1);
    const { startConmon } = await import(src + "/platform/local/server/conmon.ts");
    const { readTrace } = await import(src + "/drift/trace/trace-reader.ts");
    const { exec } = await import(src + "/lib/process/exec.ts");
    const held = [];
    try { for (;;) held.push(openSync("/dev/null")); } catch {}
    const words = (error) => error.code;
    const ended = new Promise((resolve) => readTrace("/dev/null", () => {}, () => resolve("ended")));
    const all = [startConmon([], new AbortController().signal).catch(words), exec(["true"]).catch(words), ended];
    const results = await Promise.all(all);
    for (const fd of held) closeSync(fd);
    console.log(results.join());`;
  expect(await output(script, ["prlimit", "--nofile=64", "--"])).toEqual(["EMFILE,EMFILE,ended"]);
});
