import type { ServiceKey } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client, ServiceStatus } from "../../api.ts";
import type { Context, ExitCode, Outcome } from "../../context.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { exitCodeOf } from "../../rollout/summary.ts";
import { isScaled } from "../../rollout/until-scaled.ts";
import { journey } from "../../rollout/view.ts";
import { requireStatus } from "../../services.ts";
import { waitForStatus } from "../../wait.ts";

/** What a wait is for: all servers work; no rollout is under way; the service is gone. */
type Goal = "ready" | "rollout" | "removed";

interface Options extends ServiceOptions {
  readonly for: Goal;
  /** In ms. */
  readonly timeout: number;
}

/** Waits for a state that other commands or the controller bring about; changes nothing. Throws `timed_out`. */
export async function run(context: Context, options: Options, service?: string): Outcome {
  const { clock, output, cwd } = context;
  const goal = options.for;
  const key = await requireService(cwd, options, service);
  const client = await context.connect();
  if (goal !== "removed") await requireStatus(client, key);
  const untilMs = clock.elapsed() + options.timeout;
  await waitForStatus(context, client, key, (status) => {
    if (status === undefined && goal !== "removed") throw gone(key);
    if (isReached(goal, status)) return true;
    if (clock.elapsed() >= untilMs) throw tooLate(key, goal, options.timeout);
    return false;
  });
  if (goal === "rollout") return reportRollout(context, client, key);
  output.result({ service: key, reached: goal }, [
    goal === "ready" ? `${key} is ready.` : `${key} is removed.`,
  ]);
  return 0;
}

function isReached(goal: Goal, status: ServiceStatus | undefined): boolean {
  if (goal === "removed" || status === undefined) return status === undefined;
  if (status.rollout !== undefined || status.removing) return false;
  return goal === "rollout" || (status.serving !== undefined && isScaled(status));
}

/** The exit code says how the last rollout ended. */
async function reportRollout({ output }: Context, client: Client, key: ServiceKey): Promise<ExitCode> {
  const [last] = (await client.history({ service: key })).rollouts;
  if (last === undefined) throw new KilnError("rollout_none", `${key} has had no rollout.`);
  output.result(last, [journey(last)]);
  return exitCodeOf(last);
}

function gone(key: ServiceKey): KilnError {
  return new KilnError("service_unknown", `${key} was removed meanwhile.`);
}

function tooLate(key: ServiceKey, goal: Goal, timeoutMs: number): KilnError {
  const what = { ready: "is not ready", rollout: "still has a rollout under way", removed: "is still there" };
  return new KilnError("timed_out", `After ${timeoutMs / 1000} s, ${key} ${what[goal]}.`, {
    hint: `\`kiln status ${key}\` shows what it waits for; nothing was changed or ended.`,
    retry: true,
  });
}
