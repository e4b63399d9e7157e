import type { IntegrityTier } from "../../domain/drift/drift.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Call } from "../contract/call.ts";
import type { Gap, Readiness } from "../contract/readiness.ts";
import { type EngineInfo, engineInfo } from "./engine/answers.ts";
import type { Engine } from "./engine/engine.ts";

/** See `Host.probe`. */
export async function probeEngine(engine: Engine, call: Call): Promise<Readiness> {
  try {
    const version = await engine.version(call.signal);
    const info = await engine.read({ path: "/info", signal: call.signal }, engineInfo);
    return info === undefined ? { usable: false, gaps: [], facts: [] } : readinessOf(info, version);
  } catch (error) {
    const { message, hint } = toKilnError(error);
    const gap: Gap = { what: message, remedy: hint ?? "Look into the engine's own log.", severity: "fatal" };
    return { usable: false, gaps: [gap], facts: [] };
  }
}

export function readinessOf(info: EngineInfo, version: string): Readiness {
  const gaps = [...fatalGaps(info), ...lesserGaps(info)];
  return {
    usable: gaps.every(({ severity }) => severity !== "fatal"),
    gaps,
    facts: [
      `Docker ${info.ServerVersion} (API ${version})`,
      `images in ${info.Driver}, cgroup v${info.CgroupVersion ?? "1"}, ${info.Architecture}`,
    ],
    integrity: { name: "scan", facts: integrityFacts(info) },
  };
}

/** What keeps servers there from being changed, and what no detector sees. */
function integrityFacts(info: EngineInfo): IntegrityTier["facts"] {
  const canRefuse = has(info, "seccomp");
  return [
    {
      what: "changing its files from within",
      speed: "prevented",
      how: "the root file system is read-only, writable paths are noexec tmpfs",
    },
    {
      what: "mounting, entering namespaces, tracing or loading from within",
      speed: "prevented",
      how: `no capabilities, no new privileges${canRefuse ? ", system calls refused by seccomp" : ""}`,
    },
    {
      what: "entering it (docker exec, nsenter, runc exec), mounting in it, tracing it",
      speed: "seconds",
      how: "the scan detects it, and kernel events within milliseconds where they arrive",
    },
    {
      what: "changing its limits, or pausing it (docker update, docker pause)",
      speed: "seconds",
      how: "the scan compares its cgroup",
    },
    {
      what: "connecting it to another network (docker network connect)",
      speed: "seconds",
      how: "the engine's list is compared every 3 seconds",
    },
    {
      what: "changing files of its image in the engine's own folder, or below its root file system",
      speed: "unseen",
      how: "servers.maxAge limits how long a change lasts",
    },
    {
      what: "leaving links, sockets or packet filters in its network namespace",
      speed: "unseen",
      how: "Kiln sees who enters, and servers.maxAge limits how long a change lasts",
    },
  ];
}

function has({ SecurityOptions }: EngineInfo, name: string): boolean {
  return (
    SecurityOptions?.some((option) => option === `name=${name}` || option.startsWith(`name=${name},`)) ??
    false
  );
}

function fatalGaps(info: EngineInfo): readonly Gap[] {
  const fatal = (what: string, remedy: string): Gap => ({ what, remedy, severity: "fatal" });
  return [
    ...(info.OSType === "linux"
      ? []
      : [fatal(`The engine runs ${info.OSType} containers`, "Name an engine on Linux.")]),
    ...(has(info, "rootless")
      ? [
          fatal(
            "The engine is rootless: the addresses of its containers cannot be reached from this machine",
            "Name the machine's own engine: `--option socket=/var/run/docker.sock`.",
          ),
        ]
      : []),
    ...(has(info, "userns")
      ? [
          fatal(
            "The engine gives containers other user ids (userns-remap): they could not read their secrets and files",
            "Take `userns-remap` out of the engine's daemon.json, or name another engine.",
          ),
        ]
      : []),
  ];
}

function lesserGaps(info: EngineInfo): readonly Gap[] {
  const lesser = (what: string, remedy: string): Gap => ({ what, remedy, severity: "degraded" });
  const limits = [
    ...(info.MemoryLimit ? [] : ["memory"]),
    ...(info.SwapLimit ? [] : ["swap"]),
    ...(info.CpuCfsQuota ? [] : ["cpu"]),
    ...(info.PidsLimit ? [] : ["processes"]),
  ];
  return [
    ...(info.LiveRestoreEnabled
      ? []
      : [
          lesser(
            "Every server ends when the Docker engine is restarted or upgraded",
            'Set `"live-restore": true` in /etc/docker/daemon.json, then `systemctl reload docker`.',
          ),
        ]),
    ...(has(info, "seccomp")
      ? []
      : [
          lesser(
            "The engine cannot refuse system calls (seccomp)",
            "Use a kernel with CONFIG_SECCOMP_FILTER.",
          ),
        ]),
    ...(limits.length === 0
      ? []
      : [
          lesser(
            `The engine's kernel cannot limit: ${limits.join(", ")}`,
            "Enable these controllers: `cgroup_enable=memory swapaccount=1` on the kernel's command line.",
          ),
        ]),
  ];
}
