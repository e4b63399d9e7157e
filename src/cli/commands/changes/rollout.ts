import type { ServiceKey } from "../../../domain/ids.ts";
import type { Rollout } from "../../../domain/rollout/rollout.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { type ChangeOptions, onRollout } from "../../deploy/change-options.ts";
import { printPlan } from "../../deploy/plan-text.ts";
import { facts } from "../../output/text.ts";
import { formatTime } from "../../output/units.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { finishRollout } from "../../rollout/finish.ts";
import { exitCodeOf, failedJobs, failureLines, previewLines } from "../../rollout/summary.ts";
import { jobLines, journey, liveLines } from "../../rollout/view.ts";
import { requireStatus } from "../../services.ts";

interface ShowOptions extends ServiceOptions {
  readonly follow?: boolean;
}

/** The running rollout, or the last one; with `--follow` to its end. */
export async function show(context: Context, options: ShowOptions, service?: string): Outcome {
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

/** Servers and traffic stay as they are until someone resumes or aborts the rollout. */
export async function pause(context: Context, options: Options, service?: string): Outcome {
  return steer(context, options, service, "pause", async (_, { rollout, key }) => {
    context.output.result(rollout, [
      `The ${rollout.kind} of ${key} to release ${rollout.to} is paused.`,
      `  \`kiln rollout resume ${key}\` continues it, \`kiln rollout abort ${key}\` rolls it back.`,
    ]);
    return 0;
  });
}

/** Continues a paused rollout and follows it, as deploy does. */
export async function resume(context: Context, options: FollowedOptions, service?: string): Outcome {
  return steer(context, options, service, "resume", followed(context, options));
}

/** Skips the rest of this step's hold and follows the rollout, as deploy does. */
export async function promote(context: Context, options: FollowedOptions, service?: string): Outcome {
  return steer(context, options, service, "promote", followed(context, options));
}

/** A rollback is the requested outcome: exit code 0. */
export async function abort(context: Context, options: FollowedOptions, service?: string): Outcome {
  const follow = followed(context, options);
  return steer(context, options, service, "abort", async (client, turned) => {
    await follow(client, turned);
    const ended = await client.rollout({ id: turned.rollout.id });
    return exitCodeOf(ended) === 4 || turned.rollout.from === undefined || !options.wait ? 0 : 1;
  });
}

interface Options extends ServiceOptions, ChangeOptions {}

interface FollowedOptions extends Options {
  readonly wait: boolean;
}

/** A rollout that someone has steered, and since when its events count. */
interface Steered {
  readonly key: ServiceKey;
  readonly rollout: Rollout;
  readonly fromMs: number;
}

/** Steers the running rollout, or prints the plan of that; `then` says what is shown of it. */
async function steer(
  context: Context,
  options: Options,
  service: string | undefined,
  kind: "pause" | "resume" | "promote" | "abort",
  then: (client: Client, steered: Steered) => Outcome,
): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  await requireStatus(client, key);
  if (options.plan) return printPlan(context, client, key, { kind });
  const fromMs = context.clock.now();
  const rollout = await client[kind]({ service: key, ...onRollout(options) });
  return then(client, { key, rollout, fromMs });
}

function followed(context: Context, { wait }: FollowedOptions) {
  return (client: Client, { rollout, fromMs }: Steered): Outcome =>
    finishRollout(context, client, rollout.id, { wait, fromMs });
}
