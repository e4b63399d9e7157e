import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import { planDigest } from "../../api/contract/common.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import type { DeployRequest } from "../api.ts";

/** The format that this code writes and reads. */
const format = 1;

/** Far more than any plan needs. */
const largest = 64 << 10;

const content = z.strictObject({
  format: z.literal(format),
  madeAt: z.iso.datetime(),
  installation: z.string().min(1),
  service: z.string().min(1),
  environment: z.string().optional(),
  target: z.string().min(1),
  image: z.strictObject({ digest: planDigest, version: z.string().min(1) }),
  checkout: z
    .strictObject({
      commit: z.string().regex(/^[0-9a-f]{40,64}$/),
      dirty: z.union([z.boolean(), z.literal("unknown")]),
    })
    .optional(),
  asked: planDigest,
  plan: planDigest,
});

/**
 * What `kiln plan --out` writes: enough to do exactly what was seen, and no values. `asked` covers what kiln.yaml and the files of
 * `servers.files` ask for, `plan` what would be done to what is there.
 */
export type PlanFile = Readonly<z.infer<typeof content>>;

/** Of what would be asked for, in a plan's file. */
export function askedDigest(request: DeployRequest): string {
  return digestOf(canonicalJson(request));
}

/** The file's text. `checksum` shows that someone has edited it; whether the plan holds is the controller's to decide. */
export function planFileText(plan: Omit<PlanFile, "format">): string {
  const given = content.parse({ format, ...plan });
  return `${JSON.stringify({ ...given, checksum: digestOf(canonicalJson(given)) }, null, 2)}\n`;
}

/** Throws `plan_file_invalid`. */
export function readPlanFile(path: string): PlanFile {
  const found = parsed(path);
  if (found.format !== format) {
    const what = found.format === undefined ? "is not a plan" : `has the format ${shown(found.format)}`;
    throw invalid(path, `${what}; this Kiln reads format ${format}`);
  }
  const { checksum, ...rest } = found;
  const plan = content.safeParse(rest);
  if (!plan.success) throw invalid(path, `is damaged: ${plan.error.issues[0]?.message ?? ""}`);
  if (checksum !== digestOf(canonicalJson(plan.data)))
    throw invalid(path, "was edited after `kiln plan` wrote it");
  return plan.data;
}

function parsed(path: string): Readonly<Record<string, unknown>> {
  try {
    const file = statSync(path);
    const text = file.isFile() && file.size <= largest ? readFileSync(path, "utf8") : "";
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw missing(path);
    if (!(error instanceof SyntaxError)) throw invalid(path, `cannot be read: ${String(error)}`, error);
  }
  throw invalid(path, "is not a plan");
}

function shown(value: unknown): string {
  return JSON.stringify(value).slice(0, 40);
}

/** `shop.staging`, as other commands name a service of an environment, would be a file here. */
function missing(path: string): KilnError {
  return new KilnError("plan_file_invalid", `${path} does not exist.`, {
    hint: "`kiln plan --out FILE` writes a plan for `kiln deploy FILE`; an environment of a service is deployed with `kiln deploy SERVICE --env ENVIRONMENT`.",
  });
}

function invalid(path: string, what: string, cause?: unknown): KilnError {
  return new KilnError("plan_file_invalid", `${path} ${what}.`, {
    hint: "`kiln plan --out FILE` writes a plan for `kiln deploy FILE`.",
    cause,
  });
}
