import { serviceKey } from "../../domain/ids.ts";
import type { ConfigFile, UnbuiltRelease } from "../../domain/rollout/release.ts";
import type { ConfigFileSpec } from "../../domain/spec/server-shape.ts";
import type { ServiceSpec } from "../../domain/spec/spec.ts";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { readExactly } from "../../lib/files/read-inside.ts";
import type { Client, DeployRequest } from "../api.ts";
import type { Project } from "../project.ts";
import { withPlaceOfTarget } from "./place-of-target.ts";

/** What a spec asks for, without the image. Throws `file_missing`, `file_unreadable`. */
export function unbuiltRelease(spec: ServiceSpec): UnbuiltRelease {
  return {
    shape: spec.shape,
    health: spec.health,
    traffic: spec.traffic,
    secrets: spec.secrets,
    files: spec.files.map(readConfigFile),
    jobs: spec.jobs,
    ...(spec.schedules === undefined ? {} : { schedules: spec.schedules }),
    ...(spec.network === undefined ? {} : { network: spec.network }),
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
    target: spec.target,
    count: spec.count,
    draft: { ...release, image: image.digest, version: image.version },
    policy: spec.rollout,
    upkeep: spec.upkeep,
  };
}

export interface CheckedRelease {
  readonly release: UnbuiltRelease;
  /** The git commit that what serves was deployed from; undefined where that is not known. */
  readonly servingCommit: string | undefined;
}

/**
 * Checks the release before its image is built, because a build may take minutes. Throws what the controller's
 * `check` throws; errors about its target have the place in the project's file.
 */
export async function checkedRelease(
  client: Client,
  project: Project,
  how: {
    readonly supersede?: boolean | undefined;
    /** What the person who is about to deploy says to policies. Absent: policies are not asked. */
    readonly begin?: { readonly reason?: string | undefined; readonly breakGlass?: boolean | undefined };
    /** The release that must serve already now. */
    readonly expect?: { readonly serving: number } | undefined;
  },
): Promise<CheckedRelease> {
  const { spec } = project;
  const { target } = spec;
  const release = unbuiltRelease(spec);
  const service = serviceKey(spec.service, spec.environment);
  const { supersede = false, begin, expect } = how;
  return withPlaceOfTarget(project, async () => {
    const { commit } = await client.check({ service, target, draft: release, supersede, begin, expect });
    return { release, servingCommit: commit };
  });
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
