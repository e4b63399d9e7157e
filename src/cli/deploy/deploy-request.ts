import { serviceKey } from "../../domain/ids.ts";
import type { ConfigFile, UnbuiltRelease } from "../../domain/release.ts";
import type { ConfigFileSpec, ServiceSpec } from "../../domain/spec.ts";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { readExactly } from "../../lib/files/read-inside.ts";
import type { Client, DeployRequest } from "../api.ts";

/** What a spec asks for, without the image. Throws `file_missing`, `file_unreadable`. */
export function unbuiltRelease(spec: ServiceSpec): UnbuiltRelease {
  return {
    shape: spec.shape,
    health: spec.health,
    traffic: spec.traffic,
    secrets: spec.secrets,
    files: spec.files.map(readConfigFile),
    jobs: spec.jobs,
  };
}

/** The request that a spec and its built image make. */
export function deployRequest(
  spec: ServiceSpec,
  release: UnbuiltRelease,
  image: { readonly digest: string; readonly version: string },
): DeployRequest {
  return {
    service: serviceKey(spec.service, spec.environment),
    count: spec.count,
    draft: { ...release, image: image.digest, version: image.version },
    policy: spec.rollout,
    upkeep: spec.upkeep,
  };
}

interface CheckedRelease {
  readonly release: UnbuiltRelease;
  /** The git commit that what serves was deployed from; undefined where that is not known. */
  readonly servingCommit: string | undefined;
}

/**
 * Checks the release before its image is built, because a build may take minutes. Throws what the controller's
 * `check` throws, and `platform_unusable` or `not_root`.
 */
export async function checkedRelease(
  client: Client,
  spec: ServiceSpec,
  how: {
    readonly command: "deploy" | "plan";
    readonly supersede?: boolean | undefined;
    /** The release that must serve already now. */
    readonly expect?: { readonly serving: number } | undefined;
  },
): Promise<CheckedRelease> {
  const release = unbuiltRelease(spec);
  await requireUsablePlatform(client, how.command);
  const service = serviceKey(spec.service, spec.environment);
  const { supersede = false, expect } = how;
  const { commit } = await client.check({ service, draft: release, supersede, expect });
  return { release, servingCommit: commit };
}

/** Far more than the controller accepts. */
const largestConfig = 64 << 20;

/** `from` is where the file really lies: the loader has followed its links. */
function readConfigFile({ from, to, mode }: ConfigFileSpec): ConfigFile {
  try {
    return { to, mode, content: readExactly(from, largestConfig).toString("base64") };
  } catch (cause) {
    if (cause instanceof KilnError) throw cause;
    const code = isErrno(cause, "ENOENT") ? "file_missing" : "file_unreadable";
    const hint = "`servers.files` in kiln.yaml names it.";
    throw new KilnError(code, `${from} cannot be read: ${String(cause)}`, { cause, hint });
  }
}

/** Throws `platform_unusable` or `not_root` with every problem that must be fixed and its remedy. `command` is the one to repeat. */
export async function requireUsablePlatform(client: Client, command: string): Promise<void> {
  const { readiness } = await client.info();
  if (readiness.usable) return;
  const fatal = readiness.gaps.filter((gap) => gap.severity === "fatal");
  const root = process.getuid?.() === 0;
  throw new KilnError(root ? "platform_unusable" : "not_root", "Servers cannot run on this machine.", {
    problems: fatal.map((gap) => ({ message: gap.what, hint: gap.remedy })),
    hint: root
      ? "`kiln doctor` shows everything that this machine lacks, and `kiln doctor --fix` installs missing programs."
      : `Repeat the command as root: \`sudo kiln ${command}\`.`,
  });
}
