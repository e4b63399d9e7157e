import { namelessJob } from "../../domain/rollout/job-run.ts";
import { sourceOf } from "../../image/sources/sources.ts";
import { isAtOrBelow } from "../paths.ts";
import type { SpecDocument } from "../schema/document.ts";
import type { Path } from "../yaml/tree.ts";
import { healthRules } from "./health-rules.ts";
import { placedFiles, placedRules } from "./placed-rules.ts";
import { sourcesAllowed } from "./source-rules.ts";
import { trafficRules } from "./traffic-rules.ts";
import { volumeRules } from "./volume-rules.ts";

/** A problem that one rule found. */
export interface Breach {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string;
}

/** The sections that are valid on their own: rules check only these, so one mistake does not hide the others. */
export interface RuleInput {
  readonly document: Partial<SpecDocument>;
  /** Whether the user set a value at the path. */
  readonly given: (path: Path) => boolean;
}

export type SpecRule = (input: RuleInput) => Iterable<Breach>;

/** Rules between sections, and rules that a schema cannot express. */
export function breaches(input: RuleInput): Breach[] {
  return rules.flatMap((rule) => [...rule(input)]);
}

const rules: readonly SpecRule[] = [
  packagesNeedDebian,
  packagesOnce,
  fullSkipsNothing,
  sourcesAllowed,
  commandNeeded,
  linksOnce,
  accountsOnce,
  reservedTargets,
  writableApart,
  writableHidesNoFile,
  ...placedRules,
  ...volumeRules,
  ...healthRules,
  ...trafficRules,
  rolloutNumbers,
  canarySteps,
  maxAgeNeedsRoom,
  holdsFitDeadline,
  jobsOnce,
  runIsTaken,
  afterOthers,
  softAtMostHard,
];

function* packagesNeedDebian({ document: { image } }: RuleInput): Generator<Breach> {
  if (!image || sourceOf(image.from).takesPackages) return;
  for (const key of ["packages", "sources", "allowSources", "engine", "skipScripts"] as const) {
    if (key === "engine" ? image.engine === "slim" : image[key].length === 0) continue;
    yield {
      path: ["image", key],
      message: `\`image.${key}\` needs a Debian base; found \`from: ${image.from.kind}\`, expected \`from: debian:SUITE\`.`,
      hint: "Write for example `from: debian:bookworm`, or add the programs with `files`.",
    };
  }
}

function* fullSkipsNothing({ document: { image } }: RuleInput): Generator<Breach> {
  if (image?.engine !== "full" || image.skipScripts.length === 0) return;
  yield {
    path: ["image", "skipScripts"],
    message: "`image.skipScripts` has no meaning with `engine: full`, which runs all scripts.",
    hint: "Leave out one of the two.",
  };
}

function* packagesOnce({ document: { image } }: RuleInput): Generator<Breach> {
  const seen = new Map<string, string>();
  for (const [index, written] of (image?.packages ?? []).entries()) {
    const name = written.replace(/=.*/, "");
    const before = seen.get(name);
    seen.set(name, before ?? written);
    if (before === undefined) continue;
    yield {
      path: ["image", "packages", index],
      message: `The package ${name} appears twice (\`${before}\` and \`${written}\`); expected it once.`,
    };
  }
}

function* commandNeeded({ document: { image } }: RuleInput): Generator<Breach> {
  if (!image || image.command || sourceOf(image.from).bringsCommand) return;
  yield {
    path: ["image", "command"],
    message: `\`image.command\` is missing; a ${image.from.kind} image expects the program and its arguments.`,
    hint: "Write for example `command: [nginx, -g, daemon off;]`.",
  };
}

interface Target {
  readonly at: string;
  readonly path: Path;
}

/** What the image gets in addition to `image.files`. */
function linksAndFolders(image: SpecDocument["image"] | undefined): readonly Target[] {
  const at = (key: "links" | "folders") =>
    (image?.[key] ?? []).map(({ path }, i) => ({ at: path, path: ["image", key, i, "path"] }));
  return [...at("folders"), ...at("links")];
}

/** A link replaces whatever is at its path; a folder may set the mode and owner of one that comes from `files`. */
function* linksOnce({ document: { image } }: RuleInput): Generator<Breach> {
  const seen = new Map((image?.files ?? []).map(({ to }, i) => [to, `\`image.files[${i}]\``]));
  for (const { path } of image?.folders ?? []) seen.set(path, "`image.folders`");
  for (const [index, { path }] of (image?.links ?? []).entries()) {
    const other = seen.get(path);
    seen.set(path, `\`image.links[${index}]\``);
    if (other === undefined) continue;
    yield {
      path: ["image", "links", index, "path"],
      message: `${path} is already the target of ${other}; expected another path for the link.`,
    };
  }
}

function* accountsOnce({ document: { image } }: RuleInput): Generator<Breach> {
  const seen = new Set<string>();
  for (const [index, { name }] of (image?.users ?? []).entries()) {
    if (!seen.has(name)) {
      seen.add(name);
      continue;
    }
    yield {
      path: ["image", "users", index, "name"],
      message: `The user ${name} appears twice; expected it once.`,
    };
  }
}

const kernelFolders = ["/proc", "/sys", "/dev"];

function* reservedTargets({ document: { image, servers } }: RuleInput): Generator<Breach> {
  const targets = (image?.files ?? []).map((file, i) => ({ path: ["image", "files", i, "to"], at: file.to }));
  const writable = (servers?.writable ?? []).map((at, i) => ({ path: ["servers", "writable", i], at }));
  for (const { path, at } of [...targets, ...linksAndFolders(image), ...writable, ...placedFiles(servers)]) {
    if (at.split("/").some((part) => part.startsWith(".wh."))) {
      yield {
        path,
        message: `${at} has a name that begins with \`.wh.\`, which marks removed files in image layers; expected another name.`,
      };
    }
    const folder = kernelFolders.find((kernel) => isAtOrBelow(at, kernel));
    if (!folder) continue;
    yield {
      path,
      message: `${at} is in ${folder}, which the kernel fills in every server; expected another path.`,
    };
  }
}

function* writableApart({ document: { servers } }: RuleInput): Generator<Breach> {
  const paths = servers?.writable ?? [];
  for (const [index, path] of paths.entries()) {
    const other = paths.find(
      (candidate, i) => i !== index && isAtOrBelow(path, candidate) && (path !== candidate || i < index),
    );
    if (other === undefined) continue;
    const message =
      other === path
        ? `${path} appears twice; expected it once.`
        : `${path} is in ${other}, which is already writable; expected one of the two.`;
    yield { path: ["servers", "writable", index], message };
  }
}

function* writableHidesNoFile({ document: { image, servers } }: RuleInput): Generator<Breach> {
  for (const [index, writable] of (servers?.writable ?? []).entries()) {
    const files = (image?.files ?? []).map(({ to }) => ({ at: to, from: "files" }));
    const links = (image?.links ?? []).map(({ path }) => ({ at: path, from: "links" }));
    const hidden = [...files, ...links].find(({ at }) => isAtOrBelow(at, writable));
    if (!hidden) continue;
    yield {
      path: ["servers", "writable", index],
      message: `${writable} is empty in every server and would hide ${hidden.at} from \`image.${hidden.from}\`; expected different paths.`,
      hint: "Move the file to another path, or make a smaller folder writable.",
    };
  }
}

function* rolloutNumbers({ document: { rollout }, given }: RuleInput): Generator<Breach> {
  if (!rollout) return;
  if (rollout.strategy !== "rolling") {
    for (const key of ["surge", "unavailable"]) {
      if (!given(["rollout", key])) continue;
      yield {
        path: ["rollout", key],
        message: `\`rollout.${key}\` belongs to \`strategy: rolling\`; found \`strategy: ${rollout.strategy}\`, which replaces all servers at once.`,
        hint: `Remove \`${key}\`. An environment removes a key with \`null\`.`,
      };
    }
  } else if (rollout.surge === 0 && (rollout.unavailable ?? 0) === 0) {
    yield {
      path: ["rollout", "surge"],
      message:
        "`rollout.surge` and `rollout.unavailable` are both 0; expected at least one above 0: otherwise no server could ever be replaced.",
      hint: "Write `surge: 1` to add before removing, or `unavailable: 1` to remove before adding.",
    };
  }
}

function* maxAgeNeedsRoom({ document: { servers, rollout } }: RuleInput): Generator<Breach> {
  if (servers?.maxAge === undefined || rollout?.strategy !== "recreate") return;
  yield {
    path: ["servers", "maxAge"],
    message:
      "`servers.maxAge` needs a strategy that runs old and new servers side by side; found `strategy: recreate`.",
    hint: "Remove `maxAge`, or choose another `rollout.strategy`.",
  };
}

function* canarySteps({ document: { rollout }, given }: RuleInput): Generator<Breach> {
  if (!rollout) return;
  const isCanary = rollout.strategy === "canary";
  if (!isCanary && given(["rollout", "steps"])) {
    yield {
      path: ["rollout", "steps"],
      message: `\`rollout.steps\` belongs to \`strategy: canary\`; found \`strategy: ${rollout.strategy}\`.`,
      hint: "Write `strategy: canary`, or remove `steps`.",
    };
  }
  if (isCanary && (rollout.steps ?? []).length === 0) {
    yield {
      path: ["rollout", "strategy"],
      message: "`strategy: canary` needs `steps`.",
      hint: "Write for example `steps: [{ share: 5%, hold: 2m }, { share: 50%, hold: 5m }]`.",
    };
  }
  for (const [i, step] of (rollout.steps ?? []).entries()) {
    const before = rollout.steps?.[i - 1]?.share ?? 0;
    if (step.share <= before) {
      yield {
        path: ["rollout", "steps", i, "share"],
        message: `The share of step ${i + 1} is not higher than the share before; expected rising shares.`,
        hint: "Order the steps by their shares.",
      };
    }
    if (step.analysis !== undefined && step.hold === 0) {
      yield {
        path: ["rollout", "steps", i, "analysis"],
        message: `Step ${i + 1} has an analysis but no time for it; expected a \`hold\` above 0s.`,
        hint: "Write for example `hold: 2m`.",
      };
    }
  }
  if (rollout.promote === "manual" && rollout.strategy === "recreate") {
    yield {
      path: ["rollout", "promote"],
      message:
        "`promote: manual` does not work with `strategy: recreate`: no server would serve while the rollout waits.",
      hint: "Use `strategy: blue-green`.",
    };
  }
}

function* holdsFitDeadline({ document: { rollout } }: RuleInput): Generator<Breach> {
  for (const [i, { hold }] of (rollout?.steps ?? []).entries()) {
    if (rollout === undefined || hold <= rollout.progressDeadline) continue;
    yield {
      path: ["rollout", "steps", i, "hold"],
      message: `Step ${i + 1} holds for longer than \`rollout.progressDeadline\` (${seconds(hold)} and ${seconds(rollout.progressDeadline)}); expected at most as long.`,
      hint: "Make the hold shorter, split it into several steps, or write a longer `progressDeadline`.",
    };
  }
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

function* jobsOnce({ document: { jobs } }: RuleInput): Generator<Breach> {
  const seen = new Map<string, string>();
  for (const when of ["before", "after", "cron"] as const) {
    for (const [index, { name }] of (jobs?.[when] ?? []).entries()) {
      const before = seen.get(name);
      seen.set(name, before ?? `jobs.${when}[${index}]`);
      if (before === undefined) continue;
      yield {
        path: ["jobs", when, index, "name"],
        message: `The name ${name} is already used by \`${before}\`; expected a different name for each job.`,
        hint: "Logs and history identify jobs by their names.",
      };
    }
  }
}

function* runIsTaken({ document: { jobs } }: RuleInput): Generator<Breach> {
  for (const [index, { name }] of (jobs?.cron ?? []).entries()) {
    if (name !== namelessJob) continue;
    yield {
      path: ["jobs", "cron", index, "name"],
      message: `The name ${name} stands for commands without a job; expected another name.`,
    };
  }
}

function* afterOthers({ document: { service, after } }: RuleInput): Generator<Breach> {
  for (const [index, name] of (after ?? []).entries()) {
    const message =
      name === service
        ? `\`after\` names the service itself; expected other services.`
        : `${name} appears twice in \`after\`; expected each service once.`;
    if (name === service || after?.indexOf(name) !== index) yield { path: ["after", index], message };
  }
}

function* softAtMostHard({ document: { servers } }: RuleInput): Generator<Breach> {
  for (const [name, limit] of Object.entries(servers?.ulimits ?? {})) {
    if (typeof limit === "number" || limit.hard === -1) continue;
    if (limit.soft !== -1 && limit.soft <= limit.hard) continue;
    const soft = limit.soft === -1 ? "unlimited" : limit.soft;
    const message = `\`soft\` is ${soft}, more than \`hard\`, which is ${limit.hard}; expected at most that.`;
    yield { path: ["servers", "ulimits", name, "soft"], message };
  }
}
