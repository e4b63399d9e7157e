import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { readPrivateFile, replacePrivateFile } from "../../lib/files/private-file.ts";
import { configFolder } from "./contexts.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What a pipeline's only token was exchanged for. */
export interface PipelineToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

const file = z.object({ token: z.string(), expiresAtMs: z.number() });

const words = {
  code: "state_untrusted",
  missing: "the pipeline's token cannot be used again",
  restore: "Repeat the job.",
  exposed: "If another user may have read it, remove the trust rule, and add it again.",
} as const;

/** Files of jobs that are long over. */
const staleMs = 86_400_000;

/** Commands of one job share it, because its KILN_ID_TOKEN can be exchanged once; other jobs have other files. */
function pathOf(env: Env, idToken: string): string {
  const name = createHash("sha256").update(idToken).digest("hex").slice(0, 32);
  return join(configFolder(env), "pipelines", `${name}.json`);
}

/** Commands of one job exchange its token one after the other: the second one finds what the first one got. */
export async function inTurn<T>(env: Env, idToken: string, work: () => Promise<T>): Promise<T> {
  const path = pathOf(env, idToken);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const { withFileLock } = await import("../../lib/files/file-lock.ts");
  return withFileLock(`${path}.lock`, work);
}

/** Undefined when no command of this job has exchanged it. Throws `state_untrusted` for a file that others can read. */
export function readPipelineToken(env: Env, idToken: string): PipelineToken | undefined {
  const path = pathOf(env, idToken);
  if (!existsSync(path)) return undefined;
  return file.safeParse(parsed(readPrivateFile(path, words).toString())).data;
}

export function keepPipelineToken(env: Env, idToken: string, kept: PipelineToken): void {
  const folder = join(configFolder(env), "pipelines");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (changedMs < Date.now() - staleMs) rmSync(path, { force: true });
  }
  replacePrivateFile(pathOf(env, idToken), `${JSON.stringify(kept)}\n`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
