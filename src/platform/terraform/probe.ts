import { z } from "zod";
import { toKilnError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import { exec } from "../../lib/process/exec.ts";
import type { Call } from "../contract/call.ts";
import type { Gap, Readiness } from "../contract/readiness.ts";
import { terraformIntegrity } from "./drift.ts";
import { moduleFiles } from "./group-folder.ts";
import { readEnvironment, requireProgram, type TerraformOptions, userOf } from "./workplace.ts";

/** `terraform_data` came with 1.4 and OpenTofu with 1.6; the JSON of plans is stable since 1.1. */
const oldest = { major: 1, minor: 5 };

const versionSchema = z.object({ terraform_version: z.string() });

/** See `Host.probe`: everything that can be known without contacting a cloud. */
export async function probeTerraform(options: TerraformOptions, { signal }: Call): Promise<Readiness> {
  const facts: string[] = [];
  const gaps: Gap[] = [];
  const check = async (look: () => Promise<string> | string) => {
    try {
      facts.push(await look());
    } catch (error) {
      const { message, hint } = toKilnError(error);
      gaps.push({ what: message, remedy: hint ?? "Look into docs/terraform.md.", severity: "fatal" });
    }
  };
  await check(async () => {
    const { text, gap } = await versionOf(requireProgram(), signal);
    if (gap) gaps.push(gap);
    return text;
  });
  await check(() => moduleFact(options.module));
  await check(async () => userFact(options.user, userOf(options.user).uid));
  const { environment } = options;
  if (environment !== undefined)
    await check(
      () => `environment: ${Object.keys(readEnvironment(environment)).length} variables of ${environment}`,
    );
  return { usable: gaps.length === 0, gaps, facts, integrity: terraformIntegrity(options.refresh) };
}

async function versionOf(
  program: string,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly gap?: Gap }> {
  const env = { CHECKPOINT_DISABLE: "1" };
  const { stdout } = await exec([program, "version", "-json"], { signal, timeoutMs: 30_000, env });
  const { terraform_version: version } = versionSchema.parse(JSON.parse(stdout));
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < oldest.major || (major === oldest.major && minor < oldest.minor);
  const text = `${program} ${version}`;
  if (!isOld) return { text };
  const what = `${program} is of version ${version}, and Kiln needs ${oldest.major}.${oldest.minor} or newer.`;
  return { text, gap: { what, remedy: "Install a newer Terraform or OpenTofu.", severity: "fatal" } };
}

function moduleFact(module: string): string {
  const files = moduleFiles(module);
  const digest = digestOf(files.map(({ path, content }) => `${path} ${digestOf(content)}\n`).join(""));
  return `module ${module}: ${files.length} files, ${digest.slice(0, 19)}`;
}

function userFact(user: string, uid: number): string {
  return uid === 0
    ? "Terraform and all that the module starts run as root"
    : `Terraform runs as ${user} (uid ${uid}), without capabilities`;
}
