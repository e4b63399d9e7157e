import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exec } from "../../src/lib/process/exec.ts";
import { waitUntil } from "../../test/e2e/harness.ts";
import { atRest, count, windowMs } from "../cases/rest.ts";
import type { Figure } from "../figure.ts";
import { usageOf } from "../process-stats.ts";
import { repeat, timed } from "../stats.ts";
import type { BaseArchive } from "./base-image.ts";
import { dockerfileProject, type Measured, measureBuilds, type Peer, peerFigure, versionOf } from "./peer.ts";

/** A daemon with data, bridge and socket of its own; one that runs on the machine is neither used nor disturbed. */
export const measureDocker: Peer = async (base, folder) => {
  const [client, daemon] = await Promise.all([versionOf("docker"), versionOf("dockerd")]);
  if (client === undefined || daemon === undefined)
    return { skipped: "docker and dockerd are not both installed" };
  const own = join(folder, "docker");
  await mkdir(own, { mode: 0o700 });
  await using dockerd = await startDaemon(own);
  return dockerd.failure === undefined
    ? await measure(dockerd, base, own, `docker ${daemon}`)
    : { skipped: dockerd.failure };
};

interface Daemon extends AsyncDisposable {
  /** Of dockerd; its containerd is a child of it. */
  readonly pid: number | undefined;
  readonly docker: (...args: string[]) => Promise<unknown>;
  /** Why it could not be started; its own last words. */
  readonly failure: string | undefined;
}

const bridge = "kb-docker0";
const startTimeoutMs = 30_000;

async function startDaemon(own: string): Promise<Daemon> {
  const socket = `unix://${join(own, "docker.sock")}`;
  const log = join(own, "dockerd.log");
  await writeFile(join(own, "daemon.json"), "{}");
  await makeBridge();
  const child = launch(
    [
      ...["--config-file", join(own, "daemon.json"), "--host", socket, "--bridge", bridge],
      ...["--data-root", join(own, "data"), "--exec-root", join(own, "exec"), "--pidfile", join(own, "pid")],
      ...["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"],
    ],
    log,
  );
  const docker = (...args: string[]) => exec(["docker", "--host", socket, ...args]);
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  const answers = async () =>
    ended() ||
    (await docker("version").then(
      () => true,
      () => false,
    ));
  await waitUntil(answers, startTimeoutMs, "dockerd answers").catch(() => child.kill("SIGTERM"));
  const failure = ended() || child.killed ? `dockerd did not start: ${await lastLine(log)}` : undefined;
  return { pid: child.pid, docker, failure, [Symbol.asyncDispose]: () => stop(child, own, docker, ended) };
}

function launch(args: readonly string[], log: string): ChildProcess {
  const output = openSync(log, "a", 0o600);
  try {
    return spawn("dockerd", args, { stdio: ["ignore", output, output] });
  } finally {
    closeSync(output);
  }
}

async function makeBridge(): Promise<void> {
  await exec(["ip", "link", "add", bridge, "type", "bridge"]);
  await exec(["ip", "address", "add", "198.18.77.1/24", "dev", bridge]);
  await exec(["ip", "link", "set", bridge, "up"]);
}

async function stop(
  child: ChildProcess,
  own: string,
  docker: Daemon["docker"],
  ended: () => boolean,
): Promise<void> {
  if (!ended()) {
    const { stdout } = (await docker("ps", "--quiet").catch(() => ({ stdout: "" }))) as { stdout: string };
    const running = stdout.split("\n").filter((id) => id !== "");
    if (running.length > 0) await docker("rm", "--force", ...running).catch(() => undefined);
    child.kill("SIGTERM");
    await once(child, "exit");
  }
  await exec(["ip", "link", "delete", bridge], { accept: "any" });
  // Its graph driver may leave its folder mounted on itself.
  await exec(["umount", "--recursive", join(own, "data")], { accept: "any" });
}

async function lastLine(path: string): Promise<string> {
  return (await readFile(path, "utf8")).trim().split("\n").at(-1) ?? "";
}

async function measure(
  { docker, pid = 0 }: Daemon,
  base: BaseArchive,
  own: string,
  by: string,
): Promise<Measured> {
  const project = await dockerfileProject(base, own);
  await docker("load", "--input", base.path);
  const builds = await measureBuilds(by, project, () =>
    docker("build", "--quiet", "-t", "bench:new", project),
  );
  const run = () => docker("run", "--detach", "--read-only", "--tmpfs", "/tmp", "bench:new");
  await run();
  const started: Figure = peerFigure(by, "create one server", await repeat(10, () => timed(run)));
  const { stdout: id } = (await run()) as { stdout: string };
  const diff = await repeat(7, () => timed(() => docker("diff", id.trim())));
  for (let running = 12; running < count; running++) await run();
  return {
    figures: [
      ...builds,
      started,
      peerFigure(by, "check one server for changes", diff),
      ...(await restOf(by, pid)),
    ],
  };
}

/** The daemons with as many containers as Kiln's controller has servers, but none of them is checked. */
async function restOf(by: string, pid: number): Promise<readonly Figure[]> {
  const windows = await repeat(3, async () => {
    const before = usageOf([pid]);
    const elapsed = await timed(() => sleep(windowMs));
    const { cpuMs, residentBytes } = usageOf([pid]);
    return { cpu: ((cpuMs - before.cpuMs) / elapsed) * 100, memory: residentBytes / 2 ** 20 };
  });
  const memory = windows.map((window) => window.memory);
  const cpu = windows.map((window) => window.cpu);
  return [
    { ...peerFigure(by, atRest.memory, memory), unit: "MiB" },
    { ...peerFigure(by, atRest.cpu, cpu), unit: "% of a core" },
  ];
}
