import { type Freeze, scopeOf } from "../../../domain/policy/policy.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText, table } from "../../output/text.ts";
import { formatAge, formatTime } from "../../output/units.ts";

interface ScopeOptions {
  readonly service?: string;
  readonly all?: boolean;
}

interface FreezeOptions extends ScopeOptions {
  readonly for?: number;
  readonly reason: string;
}

export async function freeze(context: Context, options: FreezeOptions, environment?: string): Outcome {
  const scope = scopeOfOptions(options, environment);
  const client = await context.connect();
  const frozen = await client.freeze({ ...scope, forMs: options.for, reason: options.reason });
  const { services, untilMs } = frozen;
  const until = untilMs === undefined ? "until `kiln unfreeze`" : `until ${formatTime(untilMs)}`;
  const concerned =
    services.length === 0
      ? "It concerns no service that there is now."
      : `It concerns ${services.join(", ")}.`;
  context.output.result(frozen, [
    `Frozen: ${scopeOf(frozen)}, ${until} (freeze ${frozen.id}). ${concerned}`,
    "  No deploy begins there; rollbacks, replacements and rollouts that run continue.",
  ]);
  return 0;
}

interface LiftOptions extends ScopeOptions {
  readonly reason?: string;
}

export async function unfreeze(context: Context, options: LiftOptions, which?: string): Outcome {
  const id = /^\d+$/.test(which ?? "") ? Number(which) : undefined;
  const scope = id === undefined ? scopeOfOptions(options, which) : { id };
  const client = await context.connect();
  const lifted = await client.unfreeze({ ...scope, reason: options.reason });
  const lines = lifted.map((freeze) => `Freeze ${freeze.id} of ${scopeOf(freeze)} is lifted.`);
  context.output.result(
    lifted,
    lines.length === 0 ? ["There is no such freeze. `kiln freeze ls` lists them."] : lines,
  );
  return lifted.length === 0 ? 1 : 0;
}

export async function list(context: Context): Outcome {
  const { freezes } = await (await context.connect()).policies();
  const lines = freezeLines(freezes, context.clock.now());
  context.output.result(freezes, lines.length === 0 ? ["Nothing is frozen."] : lines);
  return 0;
}

export function freezeLines(freezes: readonly Freeze[], nowMs: number): readonly string[] {
  if (freezes.length === 0) return [];
  const rows = freezes.map((freeze) => [
    `${freeze.id}`,
    scopeOf(freeze),
    freeze.untilMs === undefined ? "until lifted" : `${formatAge(freeze.untilMs - nowMs)} more`,
    plainText(freeze.by),
    plainText(freeze.reason),
  ]);
  return table(["FREEZE", "WHAT", "HOW LONG", "BY", "REASON"], rows);
}

function scopeOfOptions({ service, all }: ScopeOptions, environment: string | undefined) {
  const given = [environment, service, all].filter((value) => value !== undefined).length;
  if (given !== 1) {
    throw new KilnError("usage", "Expected one of: an environment, `--service SERVICE`, `--all`.", {
      hint: "For example: `kiln freeze production --reason TEXT`, `kiln unfreeze production`.",
    });
  }
  return { environment, service };
}
