import type { Context, Outcome } from "../../context.ts";
import { admissionWarnings } from "../../deploy/admission-text.ts";
import { type ChangeOptions, onRelease } from "../../deploy/change-options.ts";
import { printPlan } from "../../deploy/plan-text.ts";
import { plainText, table } from "../../output/text.ts";
import { formatAge } from "../../output/units.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { finishRollout } from "../../rollout/finish.ts";

interface PromoteOptions extends Pick<ServiceOptions, "file">, ChangeOptions {
  readonly to: string;
  readonly candidate?: number;
  readonly supersede?: boolean;
  readonly breakGlass?: boolean;
  readonly wait: boolean;
}

/** The same image one environment up. 0 done, 4 rolled back. */
export async function promote(context: Context, options: PromoteOptions, service?: string): Outcome {
  const { to, file, candidate, supersede, breakGlass, wait } = options;
  const key = await requireService(
    context.cwd,
    { env: to, ...(file === undefined ? {} : { file }) },
    service,
  );
  const client = await context.connect();
  if (options.plan) return printPlan(context, client, key, { kind: "promotion", candidate, supersede });
  const accepted = await client.promotion({
    ...{ service: key, candidate, supersede, breakGlass },
    ...onRelease(options),
  });
  context.output.note(...admissionWarnings(accepted.admission, context.output.noteStyle));
  if (accepted.rollout !== undefined) return finishRollout(context, client, accepted.rollout, { wait });
  context.output.result(accepted, [`Nothing to do: release ${accepted.release} of ${key} already serves.`]);
  return 0;
}

export async function listCandidates(context: Context, _options: object, service?: string): Outcome {
  const candidates = await (await context.connect()).candidates({ service });
  const nowMs = context.clock.now();
  const rows = candidates.map(
    ({ id, service, version, commit, serves, environments, createdAtMs, createdBy }) => [
      `${id}`,
      service,
      version,
      commit?.slice(0, 12) ?? "-",
      serves.join(", ") || "-",
      environments.join(", "),
      `${formatAge(nowMs - createdAtMs)} ago, by ${plainText(createdBy)}`,
    ],
  );
  const header = ["CANDIDATE", "SERVICE", "VERSION", "COMMIT", "SERVES IN", "CAN CLIMB TO", "MADE"];
  context.output.result(
    candidates,
    rows.length === 0
      ? ["No candidates. A deploy of a service with a `ladder` makes one."]
      : table(header, rows),
  );
  return 0;
}
