import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCode } from "../../lib/code.ts";
import { cleanEnvironment } from "../../lib/process/environment.ts";
import { type Holder, readHolder, writeHolder } from "../../lib/process/holder.ts";
import { openStateFolder, type StateFolder } from "../../lib/state-folder.ts";
import { type Clock, systemClock } from "../../lib/time/clock.ts";
import { killNow, processesWithArgument } from "../../platform/linux/processes.ts";
import { controllerArgv, controllerEnv } from "./command-line.ts";
import { ensureController, listens } from "./start.ts";

/** A stand-in for the controller: takes the lock or says who holds it, writes down its world, listens until told. */
const standIn = `
import { existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
const home = process.env.KILN_HOME;
const code = ${JSON.stringify(readCode())};
if (existsSync(home + "/refuse")) {
  process.stderr.write('noise\\n{"code":"state_newer","message":"The database is newer.","hint":"Upgrade.","retry":false}\\n');
  process.exit(3);
}
if (existsSync(home + "/crash")) process.exit(7);
if (existsSync(home + "/hang")) await new Promise(() => setInterval(() => {}, 1000));
const former = process.argv.includes("--replace") && JSON.parse(readFileSync(home + "/controller.lock.json", "utf8"));
if (former) {
  process.kill(former.pid);
  rmSync(home + "/lock");
}
try { openSync(home + "/lock", "wx"); } catch {
  process.stderr.write('{"code":"state_held","message":"Held.","retry":false}\\n');
  process.exit(3);
}
writeFileSync(home + "/pid", String(process.pid));
writeFileSync(home + "/holder", JSON.stringify({ pid: process.pid, code, startedBy: "command" }));
renameSync(home + "/holder", home + "/controller.lock.json");
if (former) rmSync(home + "/controller.sock", { force: true });
writeFileSync(home + "/world", JSON.stringify({ cwd: process.cwd(), umask: process.umask(), env: process.env }));
createServer().listen(home + "/controller.sock");
`;

let state: StateFolder;
let program: string;
beforeEach(() => {
  state = openStateFolder({ KILN_HOME: mkdtempSync("/tmp/kiln-") });
  program = join(state.home, "stand-in.mjs");
  writeFileSync(program, standIn);
});
afterEach(async () => {
  // Of several that were started at once, some may only now begin.
  await expect.poll(endStandIns, { timeout: 10_000 }).toBe(0);
  rmSync(state.home, { recursive: true });
});

/** Ends every stand-in of this test, and returns how many there were. */
function endStandIns(): number {
  const found = processesWithArgument(program);
  for (const pid of found) killNow(pid);
  return found.length;
}

function start(asItIs = false, clock: Clock = systemClock) {
  return ensureController({
    asItIs,
    state,
    clock,
    signal: AbortSignal.timeout(20_000),
    argv: [process.execPath, program],
  });
}

test("starts a controller in its own environment, and finds it the next time", async () => {
  expect(await listens(state.controllerSocket)).toBe(false);
  expect(await start()).toEqual({ started: true });
  expect(await start()).toEqual({ started: false });
  const world = JSON.parse(readFileSync(join(state.home, "world"), "utf8"));
  expect(world).toMatchObject({ cwd: "/", umask: 0o077, env: { KILN_HOME: state.home } });
  expect(world.env).toEqual(controllerEnv(state.home));
  expect(statSync(state.controllerLog).mode & 0o777).toBe(0o600);
  const pid = Number(readFileSync(join(state.home, "pid"), "utf8"));
  const [session] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(3) ?? [];
  expect(Number(session)).toBe(pid);
});

/** The stand-in that runs has become one of other code, as after an upgrade. */
async function upgrade(holder: Partial<Holder>): Promise<number> {
  await start();
  const { pid = 0, code = readCode() } = (await readHolder(state.controllerLock)) ?? {};
  await writeHolder(state.controllerLock, {
    pid,
    code: { ...code, version: "0.0.9", revision: "0".repeat(64), stamp: "another" },
    ...holder,
  });
  return pid;
}

test("a controller of other code is replaced once, however many commands find it", async () => {
  const former = await upgrade({ startedBy: "command" });
  const all = await Promise.all([start(), start(), start()]);
  expect(all.flatMap(({ replaced }) => replaced ?? [])).toMatchObject([{ pid: former }]);
  expect(await start()).toEqual({ started: false });
  expect((await readHolder(state.controllerLock))?.pid).not.toBe(former);
});

test("a controller of other code that cannot be replaced continues, and the reason is reported", async () => {
  const former = await upgrade({ startedBy: "command" });
  writeFileSync(join(state.home, "refuse"), "");
  await expect(start()).rejects.toMatchObject({ code: "state_newer", message: "The database is newer." });
  expect(await listens(state.controllerSocket)).toBe(true);
  expect((await readHolder(state.controllerLock))?.pid).toBe(former);
});

test.each([
  ["systemd", { startedBy: "service" }, /systemctl restart kiln/],
  ["a person", { startedBy: "person" }, /kiln controller stop/],
] as const)("one of other code that %s has started is theirs to end", async (_, holder, hint) => {
  const former = await upgrade(holder);
  await expect(start()).rejects.toMatchObject({
    code: "controller_outdated",
    message: expect.stringMatching(/version 0\.0\.9 in .* \(revision 00000000\), and this is version /),
    hint: expect.stringMatching(hint),
  });
  expect(await start(true)).toEqual({ started: false });
  expect((await readHolder(state.controllerLock))?.pid).toBe(former);
});

test("a controller from before code was recorded is kept as well", async () => {
  await start();
  await writeHolder(state.controllerLock, { pid: 1 });
  await expect(start()).rejects.toMatchObject({
    code: "controller_outdated",
    message: expect.stringContaining("an earlier version"),
  });
});

test("any number of controllers may start at once: all callers find the one that stays", async () => {
  const all = await Promise.all([start(), start(), start(), start()]);
  expect(all).toHaveLength(4);
  expect(await listens(state.controllerSocket)).toBe(true);
});

test("the error of a controller that ends is reported", async () => {
  writeFileSync(join(state.home, "refuse"), "");
  await expect(start()).rejects.toMatchObject({
    code: "state_newer",
    message: "The database is newer.",
    hint: "Upgrade.",
  });
});

test("without an error, the exit code and the path of the log are reported", async () => {
  writeFileSync(join(state.home, "crash"), "");
  await expect(start()).rejects.toMatchObject({
    code: "controller_unreachable",
    message: "The controller was started, but it ended with exit code 7.",
  });
});

test("the leftover socket of a killed controller is not a controller", async () => {
  await start();
  process.kill(Number(readFileSync(join(state.home, "pid"), "utf8")), "SIGKILL");
  await expect.poll(() => listens(state.controllerSocket), { timeout: 60_000 }).toBe(false);
});

test("the command line is this Node.js on src/main.ts, and the environment has what tools need", () => {
  expect(controllerArgv("probe")).toEqual([
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    "--max-semi-space-size=2",
    "--optimize-for-size",
    "--v8-pool-size=1",
    new URL("../../main.ts", import.meta.url).pathname,
    "probe",
  ]);
  expect(controllerEnv("/state")).toMatchObject({ ...cleanEnvironment, KILN_HOME: "/state" });
});

test("a controller has a minute to answer, for a slow machine", async () => {
  writeFileSync(join(state.home, "hang"), "");
  let now = 0;
  const sleep: Clock["sleep"] = (_ms, signal) => {
    now += 1_000;
    return systemClock.sleep(1, signal);
  };
  await expect(start(false, { ...systemClock, elapsed: () => now, sleep })).rejects.toMatchObject({
    code: "controller_unreachable",
    message: "The controller was started, but it did not answer within 60 s.",
  });
});
