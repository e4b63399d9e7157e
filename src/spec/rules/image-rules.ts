import { sourceOf } from "../../image/sources/sources.ts";
import type { Breach, RuleInput, SpecRule } from "./rule.ts";
import { sourcesAllowed } from "./source-rules.ts";

/** Rules of `image`. */
export const imageRules: readonly SpecRule[] = [
  packagesNeedDebian,
  networkNeedsSteps,
  packagesOnce,
  fullSkipsNothing,
  sourcesAllowed,
  commandNeeded,
  linksOnce,
  accountsOnce,
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

function* networkNeedsSteps({ document: { image } }: RuleInput): Generator<Breach> {
  if (!image || image.network === "none" || sourceOf(image.from).runsSteps) return;
  yield {
    path: ["image", "network"],
    message: `\`image.network\` is for the steps of a Dockerfile or a Packer template; found \`from: ${image.from.kind}\`, expected \`from: dockerfile:PATH\` or \`from: packer:PATH\`.`,
    hint: "Leave it out. What servers may reach is `network`, outside `image`.",
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

function* fullSkipsNothing({ document: { image } }: RuleInput): Generator<Breach> {
  if (image?.engine !== "full" || image.skipScripts.length === 0) return;
  yield {
    path: ["image", "skipScripts"],
    message: "`image.skipScripts` has no meaning with `engine: full`, which runs all scripts.",
    hint: "Leave out one of the two.",
  };
}

function* commandNeeded({ document: { image } }: RuleInput): Generator<Breach> {
  if (!image || image.command || sourceOf(image.from).bringsCommand) return;
  yield {
    path: ["image", "command"],
    message: `\`image.command\` is missing; a ${image.from.kind} image expects the program and its arguments.`,
    hint: "Write for example `command: [nginx, -g, daemon off;]`.",
  };
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
