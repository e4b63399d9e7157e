import { KilnError } from "../../../lib/errors.ts";
import type { Client, ReproductionStatus } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import type { ChangeOptions } from "../../deploy/change-options.ts";

const lookAgainMs = 50;

export async function reproduce(context: Context, { reason }: ChangeOptions, server: string): Outcome {
  const client = await context.connect();
  const { id, enter } = await client.reproduce({ server, reason });
  const copy = await settled(context, client, id);
  if (copy.state === "ended") {
    throw new KilnError("server_failed", `${id} is not running: it ${copy.reason ?? "has ended"}.`, {
      hint: `\`kiln logs ${id}\` shows its output, \`kiln server destroy ${id}\` removes it.`,
    });
  }
  context.output.result(copy, [
    `${id} runs at ${copy.address ?? "an unknown address"}: release ${copy.release}, without traffic.`,
    `  \`${enter} COMMAND\` runs a command in it. Kiln removes it after a day; sooner with`,
    `  \`kiln server destroy ${id}\`.`,
  ]);
  return 0;
}

async function settled({ clock, signal }: Context, client: Client, id: string): Promise<ReproductionStatus> {
  for (;;) {
    const copies = (await client.services()).flatMap(({ reproductions }) => reproductions);
    const copy = copies.find((other) => other.id === id);
    if (copy === undefined) throw new KilnError("server_unknown", `${id} was removed in the meantime.`);
    if (copy.state === "running" || copy.state === "ended") return copy;
    await clock.sleep(lookAgainMs, signal);
  }
}

export async function destroy(context: Context, { reason }: ChangeOptions, server: string): Outcome {
  await (await context.connect()).destroyServer({ server, reason });
  context.output.result({ server }, [`Destroyed ${server}.`]);
  return 0;
}
