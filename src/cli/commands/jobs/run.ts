import { KilnError } from "../../../lib/errors.ts";
import type { Client, JobStatus } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";

interface RunOptions {
  readonly job?: string;
  readonly reason?: string;
}

const lookAgainMs = 100;

/** Runs it, prints its output, and ends with its exit code; with 1 where it has none. */
export async function run(
  context: Context,
  options: RunOptions,
  service: string,
  command: readonly string[],
): Outcome {
  const { job, reason } = options;
  if ((job === undefined) === (command.length === 0)) {
    throw new KilnError("usage", "Expected either `--job NAME`, or a command after `--`.", {
      hint: "`kiln job run shop --job cleanup`, or `kiln job run shop -- COMMAND`.",
    });
  }
  const what = job === undefined ? { command: [...command] } : { job };
  const { run: id } = await (await context.connect()).runJob({ service, ...what, reason });
  context.output.note(`Run ${id} of ${service} has been asked for.`);
  try {
    const began = await until(context, service, id, ({ log, end }) => log !== undefined || end !== undefined);
    if (began.log !== undefined && !context.output.json) await printLog(context, began.log);
    const ended = await until(context, service, id, ({ end }) => end !== undefined);
    if (context.output.json) context.output.result(ended, []);
    if (ended.state !== "succeeded") context.output.note(`Run ${id} ${ended.end?.reason ?? "has failed"}.`);
    return ended.state === "succeeded" ? 0 : ended.end?.exitCode || 1;
  } catch (error) {
    if (!context.signal.aborted) throw error;
    throw new KilnError("cancelled", `Run ${id} of ${service} continues; only the display has stopped.`, {
      hint: `\`kiln job show ${id} ${service}\` shows what becomes of it.`,
      retry: true,
    });
  }
}

/** To its end. A controller that ends meanwhile is started again, and what was printed already is skipped. */
async function printLog(context: Context, log: string): Promise<void> {
  let printed = 0;
  await withController(context, async (client) => {
    let line = 0;
    for await (const found of client.logs({ server: log, follow: true }, { signal: context.signal })) {
      line += 1;
      if (line <= printed) continue;
      context.output.foreign(found, found.text);
      printed = line;
    }
  });
}

type Run = JobStatus["runs"][number];

function until(context: Context, service: string, id: number, isSo: (run: Run) => boolean): Promise<Run> {
  return withController(context, async (client) => {
    for (;;) {
      const jobs = await client.jobs({ service });
      const found = jobs.flatMap(({ runs }) => runs).find((candidate) => candidate.id === id);
      if (found === undefined)
        throw new KilnError("job_unknown", `Run ${id} of ${service} is no longer kept.`);
      if (isSo(found)) return found;
      await context.clock.sleep(lookAgainMs, context.signal);
    }
  });
}

/** The work with a controller; again with the next one, when that ends meanwhile. */
async function withController<Result>(
  context: Context,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  for (;;) {
    try {
      return await work(await context.connect());
    } catch (error) {
      const isGone = error instanceof KilnError && error.code === "controller_unreachable";
      if (!isGone || context.signal.aborted) throw error;
      context.output.note("The controller has ended; the run continues without it.");
    }
  }
}
