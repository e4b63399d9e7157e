import type { Rollout } from "../../domain/rollout.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Context, Outcome } from "../context.ts";
import { facts } from "../output/text.ts";
import { formatTime } from "../output/units.ts";
import { requireService, type ServiceOptions } from "../project.ts";
import { finishRollout } from "../rollout/finish.ts";
import { failedJobs, failureLines, previewLines } from "../rollout/summary.ts";
import { jobLines, journey, liveLines } from "../rollout/view.ts";
import { requireStatus } from "../services.ts";

interface ShowOptions extends ServiceOptions {
  readonly follow?: boolean;
}

/** The running rollout, or the last one; with `--follow` to its end. */
export async function run(context: Context, options: ShowOptions, service?: string): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  const status = await requireStatus(client, key);
  const rollout = status.rollout ?? (await client.history({ service: key })).rollouts[0];
  if (rollout === undefined) throw new KilnError("rollout_none", `${key} has had no rollout.`);
  if (options.follow) return finishRollout(context, client, rollout.id, { fromMs: context.clock.now() });
  const failures = status.failures.filter((failure) => failure.atMs >= rollout.startedAtMs);
  const { style } = context.output;
  const running = rollout.endedAtMs === undefined;
  context.output.result({ rollout, preview: status.preview?.address, servers: status.servers, failures }, [
    ...(running
      ? liveLines({ rollout, status }, context.clock.now(), style)
      : [`${style.bold(key)}  ${journey(rollout)}`]),
    ...(running ? [] : jobLines(rollout, context.clock.now()).map((line) => `  ${line}`)),
    ...facts(rolloutFacts(rollout)),
    ...(running ? previewLines(status) : []),
    ...failedJobs(rollout, style).flatMap((lines) => ["", ...lines]),
    ...failures.flatMap((failure) => ["", ...failureLines(failure, style)]),
  ]);
  return 0;
}

function rolloutFacts(rollout: Rollout): (readonly [string, string])[] {
  return [
    ["rollout", `${rollout.id} (${rollout.kind}, ${rollout.policy.strategy})`],
    ["phase", rollout.phase],
    ["step", `${rollout.step + 1} of ${rollout.steps.length}`],
    ["started", `${formatTime(rollout.startedAtMs)} by ${rollout.startedBy}`],
    ...(rollout.endedAtMs === undefined ? [] : [["ended", formatTime(rollout.endedAtMs)] as const]),
    ...(rollout.reason === undefined ? [] : [["reason", rollout.reason] as const]),
  ];
}
