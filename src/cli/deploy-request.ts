import { readFile } from "node:fs/promises";
import { serviceKey } from "../domain/ids.ts";
import type { ConfigFile } from "../domain/release.ts";
import type { ConfigFileSpec, ServiceSpec } from "../domain/spec.ts";
import { isErrno, KilnError } from "../lib/errors.ts";
import type { Client, DeployRequest } from "./api.ts";

/** What a spec and its built image ask of the controller. Throws `file_missing`, `file_unreadable`. */
export async function deployRequest(
  spec: ServiceSpec,
  image: { readonly digest: string; readonly version: string },
  by: string,
): Promise<DeployRequest> {
  return {
    service: serviceKey(spec.service, spec.environment),
    count: spec.count,
    draft: {
      image: image.digest,
      version: image.version,
      shape: spec.shape,
      health: spec.health,
      traffic: spec.traffic,
      secrets: spec.secrets,
      files: await Promise.all(spec.files.map(readConfigFile)),
      jobs: spec.jobs,
    },
    policy: spec.rollout,
    upkeep: spec.upkeep,
    by,
  };
}

async function readConfigFile({ from, to, mode }: ConfigFileSpec): Promise<ConfigFile> {
  try {
    return { to, mode, content: await readFile(from, "base64") };
  } catch (cause) {
    const code = isErrno(cause, "ENOENT") ? "file_missing" : "file_unreadable";
    const hint = "`servers.files` in kiln.yaml names it.";
    throw new KilnError(code, `${from} cannot be read: ${String(cause)}`, { cause, hint });
  }
}

/** Throws `platform_unusable` (or `not_root`) before minutes go into a build that could not be deployed. */
export async function requireUsablePlatform(client: Client): Promise<void> {
  const { readiness } = await client.info();
  if (readiness.usable) return;
  const fatal = readiness.gaps.filter((gap) => gap.severity === "fatal");
  const root = process.getuid?.() === 0;
  throw new KilnError(root ? "platform_unusable" : "not_root", "Servers cannot run here.", {
    problems: fatal.map((gap) => ({ message: gap.what, hint: gap.remedy })),
    hint: root
      ? "`kiln doctor` shows everything that this machine lacks."
      : "Repeat it as root: `sudo kiln deploy`.",
  });
}
