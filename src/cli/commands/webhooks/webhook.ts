import type { WebhookFormat } from "../../../domain/webhook.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { readValue } from "../../input/read-value.ts";
import type { Style } from "../../output/style.ts";
import { plainText, table } from "../../output/text.ts";
import { formatAge, plural } from "../../output/units.ts";

type Webhooks = Awaited<ReturnType<Awaited<ReturnType<Context["connect"]>>["webhooks"]>>;

interface ReasonOptions {
  readonly reason?: string;
}

interface AddOptions extends ReasonOptions {
  readonly format: WebhookFormat;
  readonly kinds?: readonly string[];
  readonly services?: readonly string[];
}

export async function list(context: Context): Outcome {
  const webhooks = await (await context.connect()).webhooks();
  const none = ["No webhooks. `kiln webhook add NAME` reads a URL from standard input."];
  const lines = webhookLines(webhooks, context.clock.now(), context.output.style);
  context.output.result(webhooks, webhooks.length === 0 ? none : lines);
  return 0;
}

function webhookLines(webhooks: Webhooks, nowMs: number, style: Style): readonly string[] {
  const rows = webhooks.map((webhook) => [
    style.bold(webhook.name),
    plainText(webhook.origin),
    webhook.format,
    webhook.deliveredAtMs === undefined ? "never" : `${formatAge(nowMs - webhook.deliveredAtMs)} ago`,
    stateOf(webhook, nowMs, style),
  ]);
  return table(["WEBHOOK", "TO", "FORMAT", "RECEIVED", "STATE"], rows);
}

function stateOf({ failing, backlog }: Webhooks[number], nowMs: number, style: Style): string {
  const left = backlog === 0 ? "" : `${plural(backlog, "event")} to send`;
  if (failing === undefined) return left === "" ? style.good("up to date") : left;
  const since = `failing for ${formatAge(nowMs - failing.sinceMs)}, ${left}`;
  return style.bad(`${since}: ${plainText(failing.reason)}`);
}

export async function add(context: Context, options: AddOptions, name: string): Outcome {
  const given = await readValue(context.stdin(), {
    keepNewline: false,
    prompt: (text) => context.output.prompt(text),
    what: `the URL of ${name}`,
  });
  const [url = "", ...rest] = given.toString().trim().split(/\r?\n/);
  if (url === "") {
    throw new KilnError("usage", `Standard input contained no URL for ${name}.`, {
      hint: `For example: \`kiln webhook add ${name} < url.txt\`. A URL may hold a secret, so it is not given as an argument.`,
    });
  }
  const { format, kinds, services, reason } = options;
  const client = await context.connect();
  const added = await client.addWebhook({
    ...{ name, url: url.trim(), headers: headersIn(rest), format, reason },
    ...(kinds === undefined ? {} : { kinds: [...kinds] }),
    services: [...(services ?? [])],
  });
  context.output.result({ name, ...added }, [
    `${name} receives events from now on.`,
    `  Each message is signed with ${added.secret}; it is not shown again.`,
    `  \`kiln webhook test ${name}\` sends a first one.`,
  ]);
  return 0;
}

/** `Name: value` on each line. */
function headersIn(lines: readonly string[]): Record<string, string> {
  const given = lines.filter((line) => line.trim() !== "");
  const pairs = given.map((line, i) => {
    const [, name, value] = /^([^:\s]+):\s*(.+?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) return [name, value] as const;
    // The line itself may be a secret.
    throw new KilnError("usage", `Line ${i + 2} of standard input is not a header.`, {
      hint: "Expected the URL on the first line, and on each further one a header, such as `authorization: Bearer TOKEN`.",
    });
  });
  const names = pairs.map(([name]) => name.toLowerCase());
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return Object.fromEntries(pairs);
  throw new KilnError("usage", `The header ${twice} is given twice.`, {
    hint: "Expected each header once, on a line of its own after the URL.",
  });
}

export async function test(context: Context, _options: object, name: string): Outcome {
  const tested = await (await context.connect()).testWebhook({ name });
  context.output.result({ name, ...tested }, [
    `${name} has taken a message, in ${Math.round(tested.ms)} ms.`,
  ]);
  return 0;
}

export async function replay(
  context: Context,
  { from, reason }: ReasonOptions & { readonly from: number },
  name: string,
): Outcome {
  await (await context.connect()).replayWebhook({ name, from, reason });
  context.output.result({ name, from }, [`${name} receives the events from ${from} on.`]);
  return 0;
}

export async function rotate(context: Context, { reason }: ReasonOptions, name: string): Outcome {
  const { secret } = await (await context.connect()).rotateWebhook({ name, reason });
  context.output.result({ name, secret }, [
    `Messages to ${name} are signed with ${secret}; it is not shown again.`,
    "  For a day the secret before signs as well.",
  ]);
  return 0;
}

export async function remove(context: Context, { reason }: ReasonOptions, name: string): Outcome {
  await (await context.connect()).removeWebhook({ name, reason });
  context.output.result({ name }, [`Removed the webhook ${name}.`]);
  return 0;
}
