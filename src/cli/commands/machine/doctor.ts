import { access, constants, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { IntegrityTier, Speed } from "../../../domain/drift/drift.ts";
import { localTarget } from "../../../domain/target.ts";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { Gap, ProbedTarget, Readiness, ServiceStatus, Trouble } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { fixPrograms } from "../../doctor/fix.ts";
import { findBuildPrograms } from "../../doctor/programs.ts";
import { isFatal, placeSections, type Section } from "../../doctor/sections.ts";
import { controllerArgv, controllerEnv } from "../../local-controller/command-line.ts";
import { listens } from "../../local-controller/start.ts";
import { gapLines } from "../../output/gap-lines.ts";
import type { Style } from "../../output/style.ts";
import { formatBytes, plural } from "../../output/units.ts";

/** Less free space than the first is a warning; less than the second makes builds fail. */
const wantedBytes = 2 * 1024 ** 3;
const neededBytes = 256 * 1024 ** 2;

/** The version that `package.json` pins; older ones lack what the sources use. */
const neededNode = 24;

interface DoctorOptions {
  readonly fix?: boolean;
  readonly yes?: boolean;
}

/** Needs no controller and, without `--fix`, no root. Exit code 0: images can be built and servers can run, here and on every other target; 1: they cannot. */
export async function run(context: Context, { fix = false, yes = false }: DoctorOptions): Outcome {
  if (fix) await fixPrograms(context, yes);
  const { usable, sections } = await examine(context);
  context.output.result({ usable, sections }, doctorLines(sections, context.output.style));
  return usable ? 0 : 1;
}

/** What the doctor finds, and whether servers can run. */
export async function examine(
  context: Context,
): Promise<{ readonly usable: boolean; readonly sections: readonly Section[] }> {
  const [program, state, building, local, { services, targets }] = await Promise.all([
    checkProgram(),
    checkState(context),
    checkBuildTools(),
    checkPlatform(context),
    askController(context),
  ]);
  const sections = [program, state, building, ...placeSections(local, targets), services];
  return { usable: !sections.some((section) => section.gaps.some(isFatal)), sections };
}

/** Per section: what was found, then each gap with its remedy; the verdict at the end. */
export function doctorLines(sections: readonly Section[], style: Style): string[] {
  const gaps = sections.flatMap((section) => section.gaps);
  const fatal = gaps.filter(isFatal).length;
  const isHere = sections.some((section) => !section.isElsewhere && section.gaps.some(isFatal));
  const cannot = isHere ? "Kiln cannot run servers here yet" : "Kiln cannot run servers on every target";
  const verdict =
    fatal > 0
      ? style.bad(`${cannot}: ${fatal} of ${gaps.length} problems must be fixed.`)
      : style.good(gaps.length > 0 ? "Kiln works here with reduced features." : "Kiln works here.");
  return [...sections.flatMap((section) => [...sectionLines(section, style), ""]), verdict];
}

function sectionLines(section: Section, style: Style): string[] {
  return [
    style.bold(section.name),
    ...section.facts.map((fact) => `  ${style.good("ok")}    ${fact}`),
    ...integrityLines(section.integrity, style),
    ...gapLines(section.gaps, style),
  ];
}

const speeds: Readonly<Record<Speed, string>> = {
  prevented: "prevented",
  milliseconds: "detected within milliseconds",
  seconds: "detected within seconds",
  minutes: "detected within minutes",
  unseen: "not detected",
};

function integrityLines(integrity: IntegrityTier | undefined, style: Style): readonly string[] {
  if (integrity === undefined) return [];
  const width = Math.max(...Object.values(speeds).map((words) => words.length));
  return [
    `  When someone changes a server (integrity tier \`${integrity.name}\`):`,
    ...integrity.facts.map(({ what, speed, how }) => {
      const color = speed === "unseen" ? style.warn : style.good;
      return `    ${color(speeds[speed].padEnd(width))}  ${what} ${style.dim(`(${how})`)}`;
    }),
  ];
}

async function checkProgram(): Promise<Section> {
  const fact = `Node.js ${process.versions.node}`;
  const isOld = Number(process.versions.node.split(".")[0]) < neededNode;
  const remedy = `Run \`npm ci\` in Kiln's folder: it brings Node.js ${neededNode}.`;
  const gap: Gap = { what: `${fact} is too old`, remedy, severity: "fatal" };
  return { name: "Kiln", facts: isOld ? [] : [fact], gaps: isOld ? [gap] : [] };
}

async function checkState(context: Context): Promise<Section> {
  const { home } = context.state;
  const folder = await nearestFolder(home);
  const facts = [`state folder ${home}`];
  const gaps: Gap[] = [];
  if (!(await isAccessible(folder, constants.W_OK))) {
    const remedy = "Run Kiln as the folder's owner (root, for the machine's installation), or set KILN_HOME.";
    gaps.push({ what: `the state folder ${home} is not writable`, remedy, severity: "fatal" });
  }
  const disk = await statfs(folder);
  const free = disk.bavail * disk.bsize;
  if (free >= wantedBytes) facts.push(`${formatBytes(free)} free`);
  else gaps.push(spaceGap(home, free));
  return { name: "State", facts, gaps };
}

function spaceGap(home: string, free: number): Gap {
  return {
    what: `only ${formatBytes(free)} free for ${home}`,
    remedy: `Free some space: images need ${formatBytes(wantedBytes)}. \`kiln gc\` removes unused images.`,
    severity: free < neededBytes ? "fatal" : "degraded",
  };
}

async function checkBuildTools(): Promise<Section> {
  return { name: "Building", ...(await findBuildPrograms()) };
}

/** The local platform checks the machine itself; a separate process asks it, so that no controller has to run. */
async function checkPlatform(context: Context): Promise<Section> {
  try {
    const { stdout } = await exec(controllerArgv("probe"), {
      env: controllerEnv(context.state.home),
      signal: context.signal,
      timeoutMs: 30_000,
    });
    const readiness = JSON.parse(stdout) as Readiness;
    return {
      name: "Running servers",
      facts: readiness.facts,
      gaps: readiness.gaps,
      integrity: readiness.integrity,
    };
  } catch (error) {
    if (context.signal.aborted) throw error;
    const what = `the platform's probe failed: ${error instanceof Error ? error.message : String(error)}`;
    return {
      name: "Running servers",
      facts: [],
      gaps: [{ what, remedy: "Run `npm ci` in Kiln's folder.", severity: "fatal" }],
    };
  }
}

interface Asked {
  readonly services: Section;
  /** Every target; empty when there is no controller that could say. */
  readonly targets: readonly ProbedTarget[];
}

/** Targets, and the warnings of a running controller; this never starts one. */
async function askController(context: Context): Promise<Asked> {
  const name = "Services";
  if (!(await listens(context.state.controllerSocket)))
    return { services: { name, facts: ["no controller is running"], gaps: [] }, targets: [] };
  try {
    const client = await context.connect();
    const [all, { troubles }, known] = await Promise.all([
      client.services(),
      client.audit(),
      client.targets(),
    ]);
    const targets = await Promise.all(known.map((target) => client.target({ target: target.name })));
    const gaps = [...warningGaps(all, toldBy(targets)), ...troubles.map(troubleGap)];
    return { services: { name, facts: [`${plural(all.length, "service")} deployed`], gaps }, targets };
  } catch (error) {
    if (context.signal.aborted) throw error;
    const what = `the controller does not answer: ${error instanceof Error ? error.message : String(error)}`;
    const hint = error instanceof KilnError ? error.hint : undefined;
    const remedy = hint ?? "`kiln controller status` shows the path of its log.";
    return { services: { name, facts: [], gaps: [{ what, remedy, severity: "degraded" }] }, targets: [] };
  }
}

/** Warnings that the sections of targets other than this machine have. */
function toldBy(targets: readonly ProbedTarget[]): ReadonlySet<string> {
  const elsewhere = targets.filter(({ name }) => name !== localTarget.name);
  return new Set(elsewhere.flatMap(({ warnings }) => warnings.map(({ message }) => message)));
}

/** What concerns several services is reported once. */
function warningGaps(all: readonly ServiceStatus[], toldElsewhere: ReadonlySet<string>): Gap[] {
  const told = all.flatMap(({ service, warnings }) =>
    warnings.filter(({ message }) => !toldElsewhere.has(message)).map((warning) => ({ service, ...warning })),
  );
  return [...Map.groupBy(told, ({ message }) => message)].flatMap(([message, [first, ...others]]) => {
    if (first === undefined) return [];
    const { service, hint = `\`kiln status ${service}\` says more.` } = first;
    const what = others.length > 0 ? message : `${service}: ${message}`;
    return [{ what, remedy: hint, severity: "degraded" as const }];
  });
}

/** Of the event log. */
function troubleGap({ message, hint = "See docs/audit.md." }: Trouble): Gap {
  return { what: message, remedy: hint, severity: "degraded" };
}

async function isAccessible(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** The folder itself, or the nearest one above it that exists. */
async function nearestFolder(path: string): Promise<string> {
  try {
    await access(path);
    return path;
  } catch (error) {
    if (isErrno(error, "ENOENT") && path !== "/") return nearestFolder(dirname(path));
    return path;
  }
}
