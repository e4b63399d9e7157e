import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../src/lib/exec.ts";
import { openStateFolder } from "../../src/lib/state-folder.ts";

/** What an installation has on the machine outside its state folder, one thing a line; empty when nothing is left. */
export async function remainsOf(home: string): Promise<readonly string[]> {
  const { tag } = openStateFolder({ KILN_HOME: home });
  const [mounts, links, spaces, processes, rules] = await Promise.all([
    mountsBelow(home),
    linesWith(["ip", "-o", "link", "show"], `kiln-${tag}`),
    linesWith(["ip", "netns", "list"], `kiln-${tag}`),
    linesWith(["ps", "-eo", "pid,args"], home),
    linesWith(["nft", "list", "tables"], tag),
  ]);
  return [...mounts, ...links, ...spaces, ...processes, ...rules, ...cgroupsOf(tag)];
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
  const { tag } = openStateFolder({ KILN_HOME: home });
  const pids = await pidsOf(home);
  for (const pid of pids) kill(pid);
  while ((await pidsOf(home)).some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 10));
  for (const mount of (await mountsBelow(home)).toReversed()) await exec(["umount", "-l", mount], anyway);
  for (const line of await linesWith(["ip", "netns", "list"], `kiln-${tag}`)) {
    await exec(["ip", "netns", "del", line.split(" ")[0] ?? ""], anyway);
  }
  await exec(["ip", "link", "del", `kiln-${tag}`], anyway);
  for (const line of await linesWith(["nft", "list", "tables"], tag)) {
    await exec(["nft", "delete", ...words(line)], anyway);
  }
  for (const line of await linesWith(["iptables", "-S", "FORWARD"], tag)) {
    await exec(["iptables", "-D", ...words(line).slice(1)], anyway);
  }
  await exec(["rmdir", ...cgroupsOf(tag).flatMap((folder) => [...childrenOf(folder), folder])], anyway);
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
  const servers = join(home, "servers");
  if (!existsSync(servers)) return [];
  return readdirSync(servers)
    .map((id) => join(servers, id, "record.json"))
    .filter((path) => existsSync(path));
}

/** Controller, router and conmon name the state folder; servers are named by their records. */
async function pidsOf(home: string): Promise<readonly number[]> {
  const daemons = (await linesWith(["ps", "-eo", "pid,args"], home)).map((line) => Number(words(line)[0]));
  const servers = recordsBelow(home).map((path) => {
    const record = JSON.parse(readFileSync(path, "utf8")) as {
      readonly running?: { readonly process: { readonly pid: number; readonly startTicks: number } };
    };
    const found = record.running?.process;
    return found !== undefined && startTicks(found.pid) === found.startTicks ? found.pid : 0;
  });
  return [...daemons, ...servers].filter((pid) => pid > 0);
}

/** Field 22 of /proc/PID/stat, proc(5): that this is still the process and not another one of the same number. */
function startTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  } catch {
    return undefined;
  }
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

/** A zombie has ended; whoever should reap it may take its time. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^ [ZX]/.test(stat.slice(stat.lastIndexOf(")") + 1));
  } catch {
    return false;
  }
}
