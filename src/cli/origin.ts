import type { Origin } from "../domain/rollout.ts";
import { type Checkout, readCheckout } from "../lib/git.ts";

/** Where a deploy of this folder comes from: its git commit, and the CI run if there is one. */
export async function originOf(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Origin | undefined> {
  const checkout = await readCheckout(folder);
  const ci = ciRun(env);
  const known = {
    ...(checkout ? { commit: checkout.commit, ...dirtiness(checkout) } : {}),
    ...(ci === undefined ? {} : { ci: ci.slice(0, 500) }),
  };
  return Object.keys(known).length === 0 ? undefined : known;
}

/** Left out where it is unknown. */
function dirtiness({ dirty }: Checkout): Pick<Origin, "dirty"> {
  return dirty === "unknown" ? {} : { dirty };
}

/** Environment variables that name a run in GitHub Actions, GitLab CI and Jenkins. */
function ciRun(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, CI_PIPELINE_URL, BUILD_URL } = env;
  if (GITHUB_RUN_ID)
    return `${GITHUB_SERVER_URL ?? ""}/${GITHUB_REPOSITORY ?? ""}/actions/runs/${GITHUB_RUN_ID}`;
  return CI_PIPELINE_URL || BUILD_URL || undefined;
}
