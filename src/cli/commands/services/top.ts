import { toKilnError } from "../../../lib/errors.ts";
import type { Client, ServiceUsage } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText } from "../../output/text.ts";
import { formatTime } from "../../output/units.ts";
import { findService, type ServiceOptions } from "../../project.ts";
import { requireStatus } from "../../services.ts";
import { ratesBetween } from "../../top/rates.ts";
import { topLines } from "../../top/view.ts";

/** Between the two looks of a single table. */
const firstMs = 1_000;
/** Between two tables on a terminal. */
const everyMs = 2_000;

/** On a terminal a table that is drawn again and again until Ctrl-C; elsewhere, and with `--json`, one. */
export async function run(context: Context, options: ServiceOptions, service?: string): Outcome {
  const { cwd, clock, output, signal } = context;
  const key = await findService(cwd, options, service);
  const client = await context.connect();
  if (key !== undefined) await requireStatus(client, key);
  const look = () => usageOf(client, key);
  const before = await look();
  await clock.sleep(firstMs, signal);
  const after = await look();
  const screen = output.screen();
  if (screen === undefined) {
    const rates = ratesBetween(before, after);
    output.result(rates, topLines(rates, output.style));
    return 0;
  }
  try {
    for (let [last, now, trouble] = [before, after, ""]; !signal.aborted; ) {
      const heading = `${formatTime(clock.now())}, Ctrl-C ends`;
      screen.show([
        trouble === "" ? output.style.dim(heading) : output.style.warn(`No news: ${trouble}`),
        ...topLines(ratesBetween(last, now), output.style),
      ]);
      await clock.sleep(everyMs, signal);
      try {
        [last, now, trouble] = [now, await look(), ""];
      } catch (error) {
        trouble = plainText(toKilnError(error).message);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    screen.clear();
  }
  return 0;
}

async function usageOf(client: Client, key: string | undefined): Promise<readonly ServiceUsage[]> {
  const all = await client.usage({});
  return key === undefined ? all : all.filter(({ service }) => service === key);
}
