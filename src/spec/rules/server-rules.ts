import { isTimeZone } from "../../lib/time/time-zone.ts";
import { isAtOrBelow, kernelFolderOf } from "../paths.ts";
import type { SpecDocument } from "../schema/document.ts";
import type { Path } from "../yaml/tree.ts";
import { placedFiles } from "./placed-rules.ts";
import type { Breach, RuleInput, SpecRule } from "./rule.ts";

/** Rules of `servers`: the paths in a server, limits and age. */
export const serverRules: readonly SpecRule[] = [
  reservedTargets,
  writableApart,
  writableHidesNoFile,
  softAtMostHard,
  maxAgeNeedsRoom,
  zoneExists,
  variablesOnce,
];

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
    const folder = kernelFolderOf(at);
    if (!folder) continue;
    yield {
      path,
      message: `${at} is in ${folder}, which the kernel fills in every server; expected another path.`,
    };
  }
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

function* softAtMostHard({ document: { servers } }: RuleInput): Generator<Breach> {
  for (const [name, limit] of Object.entries(servers?.ulimits ?? {})) {
    if (typeof limit === "number" || limit.hard === -1) continue;
    if (limit.soft !== -1 && limit.soft <= limit.hard) continue;
    const soft = limit.soft === -1 ? "unlimited" : limit.soft;
    const message = `\`soft\` is ${soft}, more than \`hard\`, which is ${limit.hard}; expected at most that.`;
    yield { path: ["servers", "ulimits", name, "soft"], message };
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

function* zoneExists({ document: { servers } }: RuleInput): Generator<Breach> {
  const { timeZone } = servers ?? {};
  if (timeZone === undefined || isTimeZone(timeZone)) return;
  yield {
    path: ["servers", "timeZone"],
    message: `There is no time zone ${timeZone}; expected one such as UTC or Europe/Berlin.`,
    hint: "`timedatectl list-timezones` lists them.",
  };
}

/** `LC_ALL` would win over `LANG` (locale(7)). */
function* variablesOnce({ document: { servers } }: RuleInput): Generator<Breach> {
  if (servers === undefined) return;
  const { timeZone, locale, env, secrets = [] } = servers;
  const clashes = [
    ...(timeZone === undefined ? [] : [{ key: "timeZone", variable: "TZ" }]),
    ...(locale === undefined ? [] : ["LANG", "LC_ALL"].map((variable) => ({ key: "locale", variable }))),
  ];
  const given = new Map<string, Path>([
    ...Object.keys(env).map((name) => [name, ["servers", "env", name]] as const),
    ...secrets.flatMap(({ env: name }, i) =>
      name === undefined ? [] : [[name, ["servers", "secrets", i]] as const],
    ),
  ]);
  for (const { key, variable } of clashes) {
    const path = given.get(variable);
    if (path === undefined) continue;
    yield {
      path,
      message: `${variable} sets what \`servers.${key}\` sets too; expected one of the two.`,
    };
  }
}
