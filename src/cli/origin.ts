import type { Origin } from "../domain/rollout.ts";
import { exec } from "../lib/exec.ts";

/** Where a deploy of this folder comes from: its git commit, and the CI run if there is one. */
export async function originOf(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Origin | undefined> {
  const [commit, changes] = await Promise.all([
    git(folder, ["rev-parse", "--verify", "-q", "HEAD"]),
    git(folder, ["status", "--porcelain", "--", "."]),
  ]);
  const ci = ciRun(env);
  const known = {
    ...(commit ? { commit, dirty: changes !== "" } : {}),
    ...(ci === undefined ? {} : { ci: ci.slice(0, 500) }),
  };
  return Object.keys(known).length === 0 ? undefined : known;
}

/** Undefined where git is missing, or the folder is in no repository. */
async function git(folder: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { code, stdout } = await exec(["git", "-C", folder, ...args], { accept: "any", timeoutMs: 10_000 });
    return code === 0 ? stdout.trim() : undefined;
  } catch {
    return undefined;
  }
}

/** As GitHub Actions, GitLab CI and Jenkins name a run in the environment. */
function ciRun(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, CI_PIPELINE_URL, BUILD_URL } = env;
  if (GITHUB_RUN_ID)
    return `${GITHUB_SERVER_URL ?? ""}/${GITHUB_REPOSITORY ?? ""}/actions/runs/${GITHUB_RUN_ID}`;
  return CI_PIPELINE_URL || BUILD_URL || undefined;
}
