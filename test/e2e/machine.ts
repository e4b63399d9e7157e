import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../src/lib/process/exec.ts";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { stateOfMachines } from "../../src/platform/vm/vm-host.ts";

/** What an installation has on the machine outside its state folder, one thing a line; empty when nothing is left. */
export async function remainsOf(home: string): Promise<readonly string[]> {
  const named = await Promise.all(tagsOf(home).map(namedWith));
  const processes = daemonsOf(home).map(({ pid, args }) => `${pid} ${args}`);
  return [...(await mountsBelow(home)), ...processes, ...named.flat()];
}

/** The tag of the installation, and the tags of its targets that have their own. */
function tagsOf(home: string): readonly string[] {
  const state = openStateFolder({ KILN_HOME: home });
  const targets = existsSync(state.targets) ? readdirSync(state.targets) : [];
  return [state.tag, ...targets.map((target) => stateOfMachines(state, target).tag)];
}

async function namedWith(tag: string): Promise<readonly string[]> {
  const [links, spaces, rules] = await Promise.all([
    linesWith(["ip", "-o", "link", "show"], `kiln-${tag}`),
    linesWith(["ip", "netns", "list"], `kiln-${tag}`),
    linesWith(["nft", "list", "tables"], tag),
  ]);
  const folders = [runFolder(tag)].filter((folder) => existsSync(folder));
  return [...links, ...spaces, ...folders, ...rules, ...cgroupsOf(tag)];
}

/**
 * The machine's power fails and comes back: every process, mount, link, namespace, rule and cgroup of the installation is
 * gone at once, its files are as they were, and the records of its servers name another start of the machine.
 */
export async function restartMachine(home: string): Promise<void> {
  const records = recordsBelow(home);
  await cutPower(home);
  for (const path of records) {
    const record = JSON.parse(readFileSync(path, "utf8")) as object;
    writeFileSync(path, JSON.stringify({ ...record, bootId: "00000000-0000-4000-8000-000000000000" }));
  }
}

/** Ends and removes all that an installation has outside its state folder, whatever state it is in. */
export async function cutPower(home: string): Promise<void> {
  // What was being made when its maker was killed may come after it.
  for (let tries = 0; tries < 50 && (await remainsOf(home)).length > 0; tries++) await cutOnce(home);
}

async function cutOnce(home: string): Promise<void> {
  for (const { pid } of daemonsOf(home)) kill(pid);
  for (const pid of serverPids(home)) kill(pid);
  for (const mount of (await mountsBelow(home)).toReversed()) await exec(["umount", "-l", mount], anyway);
  await exec(["chattr", "-R", "-f", "-i", join(home, "erofs")], anyway);
  for (const tag of tagsOf(home)) await removeNamed(tag);
}

async function removeNamed(tag: string): Promise<void> {
  for (const line of await linesWith(["ip", "netns", "list"], `kiln-${tag}`)) {
    await exec(["ip", "netns", "del", line.split(" ")[0] ?? ""], anyway);
  }
  await exec(["ip", "link", "del", `kiln-${tag}`], anyway);
  await exec(["rm", "-rf", runFolder(tag)], anyway);
  for (const line of await linesWith(["nft", "list", "tables"], tag)) {
    await exec(["nft", "delete", ...words(line)], anyway);
  }
  for (const line of await linesWith(["iptables", "-S", "FORWARD"], tag)) {
    await exec(["iptables", "-D", ...words(line).slice(1)], anyway);
  }
  for (const instance of traceInstances(tag)) await exec(["rmdir", instance], anyway);
  await exec(["rmdir", ...cgroupsOf(tag).flatMap((folder) => [...childrenOf(folder), folder])], anyway);
}

/** Where the kernel writes events down for the installation. */
function traceInstances(tag: string): readonly string[] {
  const folder = "/sys/kernel/tracing/instances";
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(`kiln-${tag}`))
    .map((name) => join(folder, name));
}

const anyway = { accept: "any" } as const;

function words(line: string): readonly string[] {
  return line.split(" ");
}

async function linesWith(argv: readonly [string, ...string[]], text: string): Promise<readonly string[]> {
  const { stdout } = await exec(argv, anyway);
  return stdout
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.includes(text));
}

async function mountsBelow(home: string): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines.map((line) => line.split(" ")[4] ?? "").filter((point) => point.startsWith(`${home}/`));
}

function recordsBelow(home: string): readonly string[] {
  const targets = join(home, "targets");
  const ofTargets = existsSync(targets) ? readdirSync(targets).map((name) => join(targets, name)) : [];
  return [join(home, "servers"), ...ofTargets]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((id) => join(folder, id, "record.json")))
    .filter((path) => existsSync(path));
}

/** Of the resolver of names. */
function runFolder(tag: string): string {
  return `/run/kiln-${tag}`;
}

/** Router and conmon name the state folder in their arguments, the resolver its own folder, the controller the first in its environment. */
function daemonsOf(home: string): readonly { readonly pid: number; readonly args: string }[] {
  const folders = [home, ...tagsOf(home).map((tag) => `${runFolder(tag)}/`)];
  const isNamed = (args: string) => folders.some((folder) => args.includes(folder));
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({
      pid: Number(pid),
      args: readProc(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim(),
      environment: readProc(`/proc/${pid}/environ`).split("\0"),
    }))
    .filter(({ args, environment }) => isNamed(args) || environment.includes(`KILN_HOME=${home}`));
}

function serverPids(home: string): readonly number[] {
  const processes = recordsBelow(home).flatMap((path) => {
    const record = JSON.parse(readFileSync(path, "utf8")) as {
      readonly running?: { readonly process: { readonly pid: number; readonly startTicks: number } };
    };
    return record.running?.process ?? [];
  });
  return processes.filter(({ pid, startTicks }) => startTicksOf(pid) === startTicks).map(({ pid }) => pid);
}

/** Processes vanish while they are looked at. */
function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Field 22 of /proc/PID/stat, proc(5): that this is still the process and not another one of the same number. */
function startTicksOf(pid: number): number | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat === "" ? undefined : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
}

function cgroupsOf(tag: string): readonly string[] {
  const tops = ["/sys/fs/cgroup", ...readdirSync("/sys/fs/cgroup").map((name) => `/sys/fs/cgroup/${name}`)];
  return tops.map((top) => join(top, `kiln-${tag}`)).filter((folder) => existsSync(folder));
}

function childrenOf(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name));
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended by itself
  }
}

/**
 * A zombie has ended; its parent may take its time to reap it. But its other threads may still hold its files and sockets:
 * proc(5), `num_threads` of /proc/PID/stat.
 */
export function isRunning(pid: number): boolean {
  const stat = readProc(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, threads] = [fields[0] ?? "", Number(fields[17])];
  return stat !== "" && (!/[ZX]/.test(state) || threads > 1);
}
