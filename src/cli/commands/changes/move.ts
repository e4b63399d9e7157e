import type { ServiceKey } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { admissionWarnings } from "../../deploy/admission-text.ts";
import { type ChangeOptions, onRelease, onRollout } from "../../deploy/change-options.ts";
import { byHandLines, printPlan } from "../../deploy/plan-text.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { finishRollout } from "../../rollout/finish.ts";
import { waitsForPromotion } from "../../rollout/summary.ts";
import { requireStatus } from "../../services.ts";

interface MoveOptions extends ServiceOptions, ChangeOptions {
  readonly target?: string;
  readonly finish?: boolean;
  readonly abort?: boolean;
  readonly giveUp?: string;
  readonly wait: boolean;
}

/** Begins a move, or ends it: handed over, or aborted. */
export async function run(context: Context, options: MoveOptions, service?: string): Outcome {
  const { target, finish, abort, giveUp } = options;
  const asked = [target, finish, abort, giveUp].filter((one) => one !== undefined);
  if (asked.length !== 1)
    throw new KilnError(
      "usage",
      "Expected one of `--target TARGET`, `--finish`, `--abort` and `--give-up TARGET`.",
      {
        hint: "`kiln move --help` says what each does.",
      },
    );
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  if (giveUp !== undefined) return leaveBehind(context, client, { key, target: giveUp, options });
  if (target !== undefined) return begin(context, client, { key, target, options });
  return end(context, client, { key, how: finish ? "promote" : "abort", options });
}

interface Towards {
  readonly key: ServiceKey;
  readonly target: string;
  readonly options: MoveOptions;
}

async function begin(context: Context, client: Client, { key, target, options }: Towards): Outcome {
  const change = { kind: "move", target } as const;
  if (options.plan) return printPlan(context, client, key, change);
  const { byHand = [] } = await client.plan({ service: key, change });
  const fromMs = context.clock.now();
  const accepted = await client.move({ service: key, target, ...onRelease(options) });
  context.output.note(...admissionWarnings(accepted.admission, context.output.noteStyle));
  const { rollout = 0 } = accepted;
  const code = await finishRollout(context, client, rollout, { wait: options.wait, fromMs });
  const now = await (await context.connect()).rollout({ id: rollout });
  if (waitsForPromotion(now)) context.output.note("", ...byHandLines(byHand));
  return code;
}

/** Nothing is left to wait for. */
async function leaveBehind(context: Context, client: Client, { key, target, options }: Towards): Outcome {
  const change = { kind: "give-up", target } as const;
  if (options.plan) return printPlan(context, client, key, change);
  const { byHand = [] } = await client.plan({ service: key, change });
  const accepted = await client.giveUp({ service: key, target, ...onRelease(options) });
  context.output.note(...byHandLines(byHand));
  context.output.result(accepted, [`${key} has given up what may still run on ${target}.`]);
  return 0;
}

/** An abort that leaves the service where it is is what was asked for. */
async function end(
  context: Context,
  client: Client,
  {
    key,
    how,
    options,
  }: { readonly key: ServiceKey; readonly how: "promote" | "abort"; readonly options: MoveOptions },
): Outcome {
  const { rollout } = await requireStatus(client, key);
  if (rollout?.kind !== "move")
    throw new KilnError("rollout_none", `${key} is not being moved.`, {
      hint: "`kiln move SERVICE --target TARGET` begins that. `kiln move` with the former target moves it back.",
    });
  if (options.plan) return printPlan(context, client, key, { kind: how });
  const fromMs = context.clock.now();
  await client[how]({ service: key, ...onRollout(options) });
  const code = await finishRollout(context, client, rollout.id, { wait: options.wait, fromMs });
  return how === "abort" && code === 4 ? 0 : code;
}
