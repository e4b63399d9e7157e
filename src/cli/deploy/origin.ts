import type { BroughtCommits, Origin } from "../../domain/rollout/rollout.ts";
import { type Checkout, type GitHistory, readHistory } from "../../lib/process/git.ts";

/** What a deploy tells of where it comes from; it leaves out what is not known. */
export interface DeployOrigin {
  readonly origin?: Origin;
  readonly commits?: BroughtCommits;
}

const mostCommits = 500;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where a deploy comes from: the git commit that its image was built at, the commits since the one that serves, and the CI
 * run if there is one.
 */
export async function originOf(
  folder: string,
  checkout: Pick<Checkout, "commit" | "dirty"> | undefined,
  servingCommit: string | undefined,
  env: Environment,
): Promise<DeployOrigin> {
  const since = servingCommit === undefined ? {} : { since: servingCommit };
  const { commit } = checkout ?? {};
  const history =
    commit === undefined ? undefined : await readHistory(folder, { commit, ...since, most: mostCommits + 1 });
  const origin = {
    ...(checkout && {
      commit: checkout.commit,
      dirty: checkout.dirty === "unknown" ? undefined : checkout.dirty,
    }),
    ...(history && {
      committedAtMs: history.committedAtMs,
      repository: line(history.repository),
      ref: line(history.ref ?? ciRef(env)),
    }),
    ci: line(ciRun(env)),
  } satisfies Origin;
  const isKnown = Object.values(origin).some((value) => value !== undefined);
  return { ...(isKnown ? { origin } : {}), ...broughtBy(history) };
}

function broughtBy(history: GitHistory | undefined): Pick<DeployOrigin, "commits"> {
  const commits = history?.commits;
  if (commits === undefined) return {};
  return { commits: { newest: commits.slice(0, mostCommits), complete: commits.length <= mostCommits } };
}

/** The controller takes one line of text; a repository or an environment may hold anything. */
function line(text: string | undefined): string | undefined {
  return text?.replace(/\p{Cc}/gu, "").slice(0, 500) || undefined;
}

/** CI checks out a commit, not a branch: GitHub Actions, GitLab CI and Jenkins name the branch or tag in the environment. */
function ciRef({
  GITHUB_REF,
  CI_COMMIT_TAG,
  CI_COMMIT_BRANCH,
  BRANCH_NAME,
}: Environment): string | undefined {
  if (GITHUB_REF) return GITHUB_REF;
  if (CI_COMMIT_TAG) return `refs/tags/${CI_COMMIT_TAG}`;
  const branch = CI_COMMIT_BRANCH || BRANCH_NAME;
  return branch ? `refs/heads/${branch}` : undefined;
}

/** Environment variables that name a run in GitHub Actions, GitLab CI and Jenkins. */
function ciRun(env: Environment): string | undefined {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, CI_PIPELINE_URL, BUILD_URL } = env;
  if (GITHUB_RUN_ID)
    return `${GITHUB_SERVER_URL ?? ""}/${GITHUB_REPOSITORY ?? ""}/actions/runs/${GITHUB_RUN_ID}`;
  return CI_PIPELINE_URL || BUILD_URL || undefined;
}
