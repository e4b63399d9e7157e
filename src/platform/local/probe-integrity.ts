import {
  existsSync,
  type FSWatcher,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  watch,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { IntegrityTier } from "../../domain/drift/drift.ts";
import { exec } from "../../lib/process/exec.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { cgroupFolders, setFrozen } from "../linux/cgroups.ts";
import type { HostContext } from "./context.ts";
import { memoryProgramsFile } from "./server/memory-programs.ts";

type Fact = IntegrityTier["facts"][number];

/** What keeps servers here from being changed, each thing tried; and what cgroups let us see. */
export async function probeIntegrity(host: HostContext): Promise<readonly Fact[]> {
  return [
    {
      what: "changing its files from within",
      speed: "prevented",
      how: "the root file system is a read-only overlay without an upper layer",
    },
    {
      what: "running a program that was written into it",
      speed: "prevented",
      how: "writable paths are noexec, nosuid, nodev tmpfs with a limit of bytes and files",
    },
    await memoryFact(),
    seccompFact(),
    await immutableFact(host),
    {
      what: "starting from an altered image",
      speed: "prevented",
      how: "Kiln compares each layer's file with its recorded digest before mounting it",
    },
    ...(await cgroupFacts(host)),
  ];
}

async function memoryFact(): Promise<Fact> {
  const what = "running a program from memory (memfd)";
  const set = ["unshare", "--pid", "--fork", "sh", "-c", `echo 1 > ${memoryProgramsFile}`] as const;
  const works = existsSync(memoryProgramsFile) && (await exec([...set], { accept: "any" })).code === 0;
  if (works)
    return { what, speed: "prevented", how: "vm.memfd_noexec in each server's process-id namespace" };
  return { what, speed: "seconds", how: "the kernel cannot forbid it (Linux 6.3 can): the scan detects it" };
}

function seccompFact(): Fact {
  const what = "mounting, entering namespaces, tracing or loading from within";
  if (existsSync("/proc/sys/kernel/seccomp")) {
    return {
      what,
      speed: "prevented",
      how: "no capabilities, no new privileges, system calls refused by seccomp",
    };
  }
  return {
    what,
    speed: "prevented",
    how: "no capabilities and no new privileges; the kernel has no seccomp",
  };
}

async function immutableFact({ paths }: HostContext): Promise<Fact> {
  const what = "writing to or removing an image file by mistake";
  mkdirSync(paths.host, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(paths.host, "probe-"));
  const file = join(folder, "file");
  try {
    writeFileSync(file, "");
    const { code } = await exec(["chattr", "+i", file], { accept: "any" });
    if (code === 0) return { what, speed: "prevented", how: "files in use are immutable (chattr +i)" };
    return { what, speed: "milliseconds", how: "the file system has no immutable files: inotify reports it" };
  } catch {
    return { what, speed: "milliseconds", how: "chattr is missing (package e2fsprogs): inotify reports it" };
  } finally {
    await exec(["chattr", "-i", file], { accept: "any" }).catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In a cgroup of its own, without processes. */
async function cgroupFacts({ tag, clock }: HostContext): Promise<readonly Fact[]> {
  const folder = makeProbeCgroup(`kiln-${tag}-probe-${process.pid}`);
  if (folder === undefined)
    return [{ what: "changing its limits", speed: "seconds", how: "no cgroup can be made" }];
  try {
    const told = tells(folder, clock);
    const freezes = setFrozen([folder], true);
    const speed = (await told) ? "milliseconds" : "seconds";
    const how =
      speed === "milliseconds"
        ? "inotify reports writes to its cgroup"
        : "no inotify: the scan compares its cgroup";
    setFrozen([folder], false);
    return [
      { what: "changing its limits, or pausing it", speed, how },
      freezes
        ? {
            what: "continuing after drift was seen",
            speed: "prevented",
            how: "the cgroup's freezer stops the server",
          }
        : {
            what: "continuing after drift was seen",
            speed: "seconds",
            how: "without a freezer Kiln only destroys the server",
          },
    ];
  } finally {
    rmdirSync(folder);
  }
}

/** In the hierarchy that has the freezer. */
function makeProbeCgroup(name: string): string | undefined {
  const root = ["/sys/fs/cgroup/freezer", "/sys/fs/cgroup"].find((path) =>
    existsSync(join(path, "cgroup.procs")),
  );
  if (root === undefined) return undefined;
  try {
    mkdirSync(join(root, name));
    return cgroupFolders(`/${name}`).find(
      (folder) => readFileSync(join(folder, "cgroup.procs"), "utf8") === "",
    );
  } catch {
    return undefined;
  }
}

/** How long the kernel may take to report a write. */
const tellMs = 500;

async function tells(folder: string, clock: Clock): Promise<boolean> {
  const timer = new AbortController();
  const told = Promise.withResolvers<boolean>();
  let watcher: FSWatcher;
  try {
    watcher = watch(folder, { persistent: false }, () => told.resolve(true));
  } catch {
    return false; // no inotify instance or watch is left
  }
  watcher.on("error", () => told.resolve(false));
  try {
    return await Promise.race([
      told.promise,
      clock.sleep(tellMs, timer.signal).then(
        () => false,
        () => false,
      ),
    ]);
  } finally {
    timer.abort();
    watcher.close();
  }
}
