import type { ServerFailure } from "../../../domain/observation.ts";
import { localTarget } from "../../../domain/target.ts";
import type { ServiceStatus, Trouble } from "../../api.ts";
import { conditionOf, isWell } from "../../condition.ts";
import type { Context, Outcome } from "../../context.ts";
import type { Style } from "../../output/style.ts";
import { facts, plainText, table } from "../../output/text.ts";
import { formatAge, plural } from "../../output/units.ts";
import { findService, type ServiceOptions } from "../../project.ts";
import { failureLines } from "../../rollout/summary.ts";
import { journey, troubleLines, warningLines } from "../../rollout/view.ts";
import { requireStatus, statusOf } from "../../services.ts";

export async function run(context: Context, options: ServiceOptions, service?: string): Outcome {
  const key = await findService(context.cwd, options, service);
  const client = await context.connect();
  const { output } = context;
  if (key === undefined) {
    const [all, { troubles }] = await Promise.all([client.services(), client.audit()]);
    const services = allLines(all, output.style, isOthersMachine(context));
    output.result(all, [...services, ...logLines(troubles, output.style)]);
    return 0;
  }
  const status = service === undefined ? await statusOf(client, key) : await requireStatus(client, key);
  if (status === undefined) output.result([], [`${key} is not deployed yet. \`kiln deploy\` deploys it.`]);
  else output.result([status], oneLines(status, context.clock.now(), output.style));
  return 0;
}

/** A problem of the event log concerns all services. */
function logLines(troubles: readonly Trouble[], style: Style): string[] {
  const lines = troubles.map(({ message, hint = "" }) => plainText(`${message} ${hint}`.trim()));
  return lines.length === 0 ? [] : ["", ...lines.map((line) => style.bad(line))];
}

/** Without root, status shows the user's own installation: easily mistaken for an empty machine. */
function isOthersMachine(context: Context): boolean {
  return process.getuid?.() !== 0 && !context.env.KILN_HOME;
}

/** One line per service. */
export function allLines(all: readonly ServiceStatus[], style: Style, remarkOnRoot: boolean): string[] {
  if (all.length === 0) {
    const remark = remarkOnRoot
      ? ["This is your own installation; for the machine's installation run `sudo kiln status`."]
      : [];
    return ["No service is deployed. Deploy the first with `kiln init` and `kiln deploy`.", ...remark];
  }
  const elsewhere = all.some(({ target }) => target.name !== localTarget.name);
  const rows = all.map((status) => [
    style.bold(status.service),
    ...(elsewhere ? [status.target.name] : []),
    status.serving === undefined ? "-" : `${status.serving.number}`,
    status.serving?.version ?? "-",
    readyCell(status, style),
    status.addresses.join(", ") || "-",
    stateCell(status, style),
  ]);
  const header = ["RELEASE", "VERSION", "READY", "ADDRESS", "STATE"];
  return [
    ...table(["SERVICE", ...(elsewhere ? ["TARGET"] : []), ...header], rows),
    ...silentLines(all, style),
  ];
}

/** Each target that does not answer is named once: what is shown of its services may have changed since. */
export function silentLines(all: readonly ServiceStatus[], style: Style): string[] {
  const silent = new Map(
    all.flatMap(({ target }) => (target.trouble ? [[target.name, target.trouble]] : [])),
  );
  const lines = [...silent].map(([name, trouble]) => style.bad(silenceText(name, trouble)));
  return lines.length === 0 ? [] : ["", ...lines];
}

function silenceText(target: string, { message, hint = "" }: Trouble): string {
  return plainText(
    `The target ${target} cannot be seen; this is what was seen last. ${message} ${hint}`.trim(),
  );
}

/** Everything about one service. */
export function oneLines(status: ServiceStatus, nowMs: number, style: Style): string[] {
  const { serving, addresses, target } = status;
  return [
    `${style.bold(status.service)}  ${stateCell(status, style)}`,
    ...facts([
      ...(target.name === localTarget.name
        ? []
        : [["target", `${target.name} (${target.platform})`] as const]),
      ...(serving === undefined
        ? [["release", "none serves yet"] as const]
        : [["release", `${serving.number} (${serving.version}), by ${serving.createdBy}`] as const]),
      ["servers", readyCell(status, style)],
      ...vulnerabilityFacts(status, nowMs, style),
      ...addresses.map((address) => ["address", address] as const),
      ...reachFacts(status),
      ...moveFacts(status, nowMs),
      ...(status.preview === undefined
        ? []
        : [["preview", `${status.preview.address} (only release ${status.preview.release})`] as const]),
      ...status.warm.map(
        ({ release, untilMs }) =>
          [
            "warm",
            `release ${release}, kept for an instant rollback for ${formatAge(untilMs - nowMs)} more`,
          ] as const,
      ),
      ...(status.rollout?.reason === undefined
        ? []
        : [["reason", plainText(status.rollout.reason)] as const]),
    ]),
    ...(target.trouble === undefined ? [] : [`  ${style.bad(silenceText(target.name, target.trouble))}`]),
    ...[...troubleLines(status), ...warningLines(status)].map((line) => `  ${style.warn(line)}`),
    ...(status.servers.length === 0 ? [] : ["", ...serverLines(status, nowMs, style)]),
    ...failedLines(status, nowMs, style),
  ];
}

/** Nothing is said where no other service is, and no rule. */
function reachFacts({ reach, serving }: ServiceStatus) {
  if (reach === undefined) return [];
  const { callers, callees } = reach;
  const { allow } = serving?.network ?? {};
  const rule = allow === undefined ? "" : ` (network.allow: ${allow.join(", ") || "none"})`;
  const from = `${callers.join(", ") || "no other service"}${rule}`;
  return [
    ...(callers.length === 0 && allow === undefined ? [] : [["reached by", from] as const]),
    ...(callees.length === 0 ? [] : [["reaches", callees.join(", ")] as const]),
  ];
}

/** What of it is on another target. */
function moveFacts({ move, givenUp = [], rollout }: ServiceStatus, nowMs: number) {
  const lost = givenUp.map(
    ({ target, release: number }) =>
      ["given up", `release ${number} may still run on ${target}, and goes when it answers`] as const,
  );
  if (move === undefined) return lost;
  const { target, phase, release, untilMs, addresses } = move;
  const where = `release ${release} on ${target.name}${target.trouble === undefined ? "" : " (not seen)"}`;
  const state = {
    arriving: rollout?.phase === "paused" ? "ready: `kiln move --finish` hands over to it" : "on its way",
    left: `kept for ${formatAge((untilMs ?? nowMs) - nowMs)} more: \`kiln move --target ${target.name}\` moves back`,
    clearing: "going",
  }[phase];
  return [["move", `${where}, ${[...addresses, state].join(", ")}`] as const, ...lost];
}

/** Nothing is said of an image without known vulnerabilities. */
function vulnerabilityFacts({ vulnerabilities: of }: ServiceStatus, nowMs: number, style: Style) {
  if (of === undefined || of.found === 0) return [];
  const text = `${of.found} known, ${of.fixable} fixable, worst ${of.worst}, data ${formatAge(nowMs - of.dataAtMs)} old`;
  return [["vulnerable", of.fixable > 0 ? style.warn(text) : text] as const];
}

function serverLines(status: ServiceStatus, nowMs: number, style: Style): string[] {
  const rows = status.servers.map((server) => [
    server.id,
    isWell(server) ? style.good(server.state) : style.warn(server.state),
    `${server.release}`,
    server.address ?? "-",
    formatAge(nowMs - server.createdAtMs),
    conditionOf(server),
  ]);
  return table(["SERVER", "STATE", "RELEASE", "ADDRESS", "AGE", "CONDITION"], rows);
}

/** A failure is shown for a day. */
const failureAgeMs = 86_400_000;

/** How many servers have failed lately, with the last log lines of the newest one: `--json` has the lines of all. */
function failedLines(status: ServiceStatus, nowMs: number, style: Style): string[] {
  const failures = status.failures.filter((failure) => isOfInterest(failure, status, nowMs));
  const last = failures.at(-1);
  if (last === undefined) return [];
  const all =
    failures.length === 1 ? ":" : `; \`kiln status ${status.service} --json\` lists all. The last one:`;
  return ["", `${plural(failures.length, "server")} failed lately${all}`, ...failureLines(last, style)];
}

/** After a successful rollout, failures of older releases are no longer shown. */
function isOfInterest({ release, atMs }: ServerFailure, { serving }: ServiceStatus, nowMs: number): boolean {
  return nowMs - atMs < failureAgeMs && release >= (serving?.number ?? 0);
}

function readyCell(status: ServiceStatus, style: Style): string {
  const ready = status.servers.filter(
    (s) => s.state === "ready" && s.release === status.serving?.number,
  ).length;
  const text = `${ready}/${status.count}`;
  return ready >= status.count ? style.good(text) : style.warn(text);
}

function stateCell(status: ServiceStatus, style: Style): string {
  if (status.removing) return style.warn("being removed");
  if (status.rollout !== undefined) return style.warn(`${journey(status.rollout)} (${status.rollout.phase})`);
  if (status.target.trouble !== undefined) return style.warn("not seen");
  if (status.trouble !== undefined) return style.warn("held up");
  if (status.serving === undefined) return style.warn("nothing serves");
  if (status.count === 0) return style.warn("scaled to 0");
  const remarks = remarksOn(status);
  return remarks.length > 0 ? style.warn(["serving", ...remarks].join(", ")) : style.good("serving");
}

function remarksOn({ warnings, servers, vulnerabilities }: ServiceStatus): string[] {
  const fixable = vulnerabilities?.fixable ?? 0;
  const tainted = servers.filter(({ taint }) => taint !== undefined).length;
  return [
    ...(warnings.length > 0 ? ["with a warning"] : []),
    ...(fixable > 0 ? [plural(fixable, "fixable vulnerability", "fixable vulnerabilities")] : []),
    ...(tainted > 0 ? [`${plural(tainted, "server")} tainted`] : []),
  ];
}
