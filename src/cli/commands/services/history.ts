import type { Rollout } from "../../../domain/rollout/rollout.ts";
import type { History, PastRollout } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import type { Style } from "../../output/style.ts";
import { plainText, table } from "../../output/text.ts";
import { formatDuration, formatTime, shortDigest } from "../../output/units.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { requireStatus } from "../../services.ts";

type Keep = NonNullable<History["releases"][number]["keep"]>;

export async function run(context: Context, options: ServiceOptions, service?: string): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  await requireStatus(client, key);
  const history = await client.history({ service: key });
  context.output.result(history, historyLines(history, context.output.style));
  return 0;
}

/** The releases, then the rollouts, the newest of each first. */
export function historyLines(history: History, style: Style): string[] {
  const releases = history.releases
    .toSorted((a, b) => b.release.number - a.release.number)
    .map(({ release, state, keep }) => [
      `${release.number}`,
      release.version,
      shortDigest(release.image),
      formatTime(release.createdAtMs),
      release.createdBy,
      [
        state === "serving" ? style.good(state) : state === "image gone" ? style.bad(state) : state,
        ...(keep === undefined ? [] : [plainText(keepText(keep))]),
      ].join(", "),
    ]);
  return [
    ...table(["RELEASE", "VERSION", "IMAGE", "MADE", "BY", "STATE"], releases),
    "",
    ...table(
      ["ROLLOUT", "KIND", "RELEASES", "STARTED", "TOOK", "BY", "END"],
      history.rollouts.map((r) => rolloutCells(r, style)),
    ),
    ...history.rollouts.slice(0, detailed).flatMap((r) => ["", ...detailLines(r, style)]),
  ];
}

function keepText({ by, reason }: Keep): string {
  return `for good by ${by}${reason === undefined ? "" : `: ${reason}`}`;
}

/** Only the newest rollouts are shown in full; `--json` has all. */
const detailed = 3;

function detailLines(rollout: PastRollout, style: Style): string[] {
  const { origin, phases } = rollout;
  const dirty = origin?.dirty
    ? ", with uncommitted changes"
    : origin?.dirty === undefined
      ? ", perhaps with uncommitted changes"
      : "";
  const jobs = rollout.jobs.flatMap(({ name, startedAtMs, end }) =>
    end === undefined ? [] : [[`job ${name}`, end.atMs - startedAtMs] as const],
  );
  const spans = [
    ...jobs,
    ["raising", phases.raisingMs],
    ["moving traffic", phases.movingMs],
    ["holding", phases.holdingMs],
    ["back", phases.backMs],
  ] as const;
  const took = spans.flatMap(([name, ms]) => (ms === undefined ? [] : [`${name} ${formatDuration(ms)}`]));
  return [
    style.bold(`Rollout ${rollout.id}`),
    ...rollout.changes.map((change) => `  ${plainText(change)}`),
    ...(origin?.commit === undefined ? [] : [`  git ${origin.commit.slice(0, 12)}${dirty}`]),
    ...(origin?.ci === undefined ? [] : [`  CI ${plainText(origin.ci)}`]),
    ...(took.length === 0 ? [] : [`  ${took.join(", ")}`]),
  ];
}

function rolloutCells(rollout: Rollout, style: Style): string[] {
  const end = rollout.reason === undefined ? rollout.phase : `${rollout.phase}: ${plainText(rollout.reason)}`;
  return [
    `${rollout.id}`,
    rollout.kind,
    `${rollout.from ?? "-"} -> ${rollout.to}`,
    formatTime(rollout.startedAtMs),
    rollout.endedAtMs === undefined ? "-" : formatDuration(rollout.endedAtMs - rollout.startedAtMs),
    rollout.startedBy,
    rollout.phase === "complete" ? style.good(end) : style.warn(end),
  ];
}
