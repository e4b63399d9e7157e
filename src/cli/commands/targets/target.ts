import { resolve } from "node:path";
import type { ProbedTarget, TargetStatus } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import type { ChangeOptions } from "../../deploy/change-options.ts";
import { gapLines } from "../../output/gap-lines.ts";
import type { Style } from "../../output/style.ts";
import { facts, plainText, table } from "../../output/text.ts";
import { formatAge } from "../../output/units.ts";
import { warningLines } from "../../rollout/view.ts";

interface AddOptions extends Pick<ChangeOptions, "reason"> {
  readonly platform: string;
  readonly option?: Readonly<Record<string, string>>;
  /** Short for the option `module`, and below the current folder. */
  readonly module?: string;
}

/** Records the target, then shows what it lacks: one that does not answer yet is added all the same. */
export async function add(context: Context, options: AddOptions, name: string): Outcome {
  const { platform, reason, option = {}, module } = options;
  const client = await context.connect();
  const all = module === undefined ? option : { ...option, module: resolve(context.cwd, module) };
  await client.addTarget({ target: name, platform, options: all, reason });
  const target = await client.target({ target: name });
  const { style } = context.output;
  context.output.result(target, [
    style.good(`Added the target ${name}.`),
    ...targetLines(target, context.clock.now(), style),
  ]);
  return 0;
}

export async function list(context: Context): Outcome {
  const targets = await (await context.connect()).targets();
  context.output.result(targets, listLines(targets, context.output.style));
  return 0;
}

/** One line for each, then what is wrong with those that do not answer. */
function listLines(targets: readonly TargetStatus[], style: Style): string[] {
  const rows = targets.map(({ name, platform, services, servers, trouble }) => [
    style.bold(name),
    platform,
    services.join(", ") || "-",
    servers === undefined ? "-" : `${servers}`,
    trouble === undefined ? style.good("answers") : style.warn("does not answer"),
  ]);
  const troubles = targets.flatMap(({ name, trouble }) =>
    trouble === undefined ? [] : [style.warn(plainText(`${name}: ${trouble.message}`))],
  );
  const lines = table(["TARGET", "PLATFORM", "SERVICES", "SERVERS", "STATE"], rows);
  return troubles.length === 0 ? lines : [...lines, "", ...troubles];
}

export async function show(context: Context, _options: object, name: string): Outcome {
  const target = await (await context.connect()).target({ target: name });
  context.output.result(target, targetLines(target, context.clock.now(), context.output.style));
  return 0;
}

export async function remove(
  context: Context,
  { reason }: Pick<ChangeOptions, "reason">,
  name: string,
): Outcome {
  await (await context.connect()).removeTarget({ target: name, reason });
  context.output.result({ target: name }, [`Removed the target ${name}. Nothing on it was changed.`]);
  return 0;
}

/** Everything about one target: what is on it, what was found there, and what it lacks. */
function targetLines(target: ProbedTarget, nowMs: number, style: Style): string[] {
  const { name, platform, options, added, services, servers, trouble, readiness } = target;
  const isWell = readiness.usable && trouble === undefined;
  return [
    `${style.bold(name)}  ${isWell ? style.good("usable") : style.bad("not usable")}`,
    ...facts([
      ["platform", platform],
      ...Object.entries(options).map(([key, value]) => [key, plainText(value)] as const),
      ...(added === undefined
        ? []
        : [["added", `${formatAge(nowMs - added.atMs)} ago, by ${plainText(added.by)}`] as const]),
      ["services", services.join(", ") || "none"],
      ...(servers === undefined ? [] : [["servers", `${servers}`] as const]),
    ]),
    ...(trouble === undefined
      ? []
      : [`  ${style.warn(plainText(`${trouble.message} ${trouble.hint ?? ""}`.trim()))}`]),
    ...warningLines(target).map((line) => `  ${style.warn(line)}`),
    ...readiness.facts.map((fact) => `  ${style.good("ok")}    ${plainText(fact)}`),
    ...gapLines(readiness.gaps, style),
  ];
}
