import { shortCommit } from "../../../domain/source.ts";
import type { SourceStatus } from "../../api.ts";
import type { Style } from "../../output/style.ts";
import { facts, plainText, table } from "../../output/text.ts";
import { formatAge, formatDuration, plural } from "../../output/units.ts";

/** One line per source. */
export function sourceLines(
  sources: readonly SourceStatus[],
  nowMs: number,
  style: Style,
): readonly string[] {
  const rows = sources.map((source) => [
    style.bold(source.service),
    source.url,
    source.branch,
    source.deployed === undefined ? "-" : shortCommit(source.deployed.commit),
    source.lookedAtMs === undefined ? "never" : `${formatAge(nowMs - source.lookedAtMs)} ago`,
    stateOf(source, style),
  ]);
  return table(["SERVICE", "REPOSITORY", "BRANCH", "COMMIT", "LOOKED", "STATE"], rows);
}

function stateOf({ hold, failing, looking, deployed }: SourceStatus, style: Style): string {
  if (hold !== undefined) return style.warn(`held: ${plainText(hold.by)} ${plainText(hold.because)}`);
  if (failing !== undefined) return style.bad(`failing: ${plainText(failing.message)}`);
  if (looking) return "looking";
  return deployed === undefined ? "waiting" : style.good("up to date");
}

/** All of one. */
export function sourceFacts(source: SourceStatus, nowMs: number, style: Style): readonly string[] {
  const { service, url, branch, path, intervalMs, credentials, signed, head, deployed, hold, failing } =
    source;
  const age = (atMs: number) => `${formatAge(nowMs - atMs)} ago`;
  const commits: readonly (readonly [string, string])[] = [
    ...(head === undefined ? [] : ([["last commit", commitWords(head, age(head.committedAtMs))]] as const)),
    ["deployed", deployed === undefined ? "nothing yet" : deployedWords(deployed, age(deployed.atMs))],
  ];
  return [
    `${style.bold(service)}  ${stateOf(source, style)}`,
    ...facts([
      ["repository", `${url}, branch ${branch}, folder ${path}`],
      ...(credentials === undefined ? [] : ([["credentials", credentials]] as const)),
      ["webhook", webhookWords(source.webhook, nowMs)],
      ["signatures", signed ? "only commits of allowed signers" : "not asked for"],
      ...commits,
      ["next look", nextWords(source, nowMs, intervalMs)],
    ]),
    ...(hold === undefined
      ? []
      : [
          style.warn(
            `Held for ${formatAge(nowMs - hold.sinceMs)}: ${plainText(hold.by)} ${plainText(hold.because)}.`,
          ),
          `  \`kiln source resume ${service}\` lets it follow the repository again.`,
        ]),
    ...(failing === undefined ? [] : failureLines(failing, nowMs, style)),
  ];
}

function webhookWords(webhook: SourceStatus["webhook"], nowMs: number): string {
  if (webhook === undefined) return "none";
  if (webhook.usedAtMs === undefined) return "has reported nothing yet";
  return `has reported a push ${formatAge(nowMs - webhook.usedAtMs)} ago`;
}

function commitWords(head: NonNullable<SourceStatus["head"]>, age: string): string {
  const { id, author, subject, signer } = head;
  const signed = signer === undefined ? "" : `, signed by ${plainText(signer)}`;
  return `${shortCommit(id)} ${plainText(subject)}, by ${plainText(author)}${signed}, ${age}`;
}

function deployedWords(deployed: NonNullable<SourceStatus["deployed"]>, age: string): string {
  const { commit, release, rollout, phase } = deployed;
  const how = rollout === undefined ? "" : `, rollout ${rollout}${phase === undefined ? "" : ` (${phase})`}`;
  return `${shortCommit(commit)}, release ${release}${how}, ${age}`;
}

function nextWords({ looking, nextLookAtMs }: SourceStatus, nowMs: number, intervalMs: number): string {
  if (looking) return "now";
  return `in ${formatDuration(Math.max(0, nextLookAtMs - nowMs))}, every ${formatDuration(intervalMs)}`;
}

function failureLines(
  { message, hint, problems, attempts, commit, sinceMs, nextTryAtMs }: NonNullable<SourceStatus["failing"]>,
  nowMs: number,
  style: Style,
): readonly string[] {
  const since = formatAge(nowMs - sinceMs);
  const what = commit === undefined ? "" : ` of commit ${shortCommit(commit)}`;
  const again =
    nextTryAtMs === undefined
      ? []
      : [
          `  This commit is tried again in ${formatDuration(Math.max(0, nextTryAtMs - nowMs))}; another commit at the next look.`,
        ];
  return [
    style.bad(`Failing for ${since}, ${plural(attempts, "attempt")}${what}: ${plainText(message)}`),
    ...problems.map((problem) => `  ${plainText(problem)}`),
    ...(hint === undefined ? [] : [`  ${plainText(hint)}`]),
    ...again,
  ];
}
