import type { ServiceKey } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { admissionWarnings } from "../../deploy/admission-text.ts";
import { type ChangeOptions, onRelease } from "../../deploy/change-options.ts";
import { printPlan } from "../../deploy/plan-text.ts";
import { askConsent } from "../../input/ask-consent.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { finishRollout } from "../../rollout/finish.ts";
import { requireStatus } from "../../services.ts";

interface RollbackOptions extends ServiceOptions, ChangeOptions {
  readonly service?: string;
  readonly wait: boolean;
  readonly withData?: boolean;
  readonly yes?: boolean;
}

export async function run(context: Context, options: RollbackOptions, release?: number): Outcome {
  const key = await requireService(context.cwd, options, options.service);
  const client = await context.connect();
  await requireStatus(client, key);
  const { withData } = options;
  if (options.plan) return printPlan(context, client, key, { kind: "rollback", release, withData });
  if (withData && !options.yes) await askToLose(context, client, key, release);
  const fromMs = context.clock.now(); // a running deploy that is rolled back has earlier events
  const accepted = await client.rollback({ service: key, release, withData, ...onRelease(options) });
  context.output.note(...admissionWarnings(accepted.admission, context.output.noteStyle));
  if (accepted.rollout === undefined) {
    throw new KilnError("rollback_impossible", `Release ${accepted.release} of ${key} already serves.`, {
      hint: `\`kiln history ${key}\` lists the releases.`,
    });
  }
  const code = await finishRollout(context, client, accepted.rollout, { wait: options.wait, fromMs });
  // A running deploy was rolled back, as requested.
  const { kind } = await (await context.connect()).rollout({ id: accepted.rollout });
  return code === 4 && kind === "deploy" ? 0 : code;
}

/** Says exactly what is lost before it is. */
async function askToLose(
  context: Context,
  client: Client,
  service: ServiceKey,
  release: number | undefined,
): Promise<void> {
  const { data } = await client.plan({ service, change: { kind: "rollback", release, withData: true } });
  const lost = data.join("; ");
  const what = `replaces data of ${service}: ${lost}`;
  const question = `${lost}.\nRoll ${service} back with its data?`;
  await askConsent(context, { what, question, refused: "Nothing was changed." });
}
