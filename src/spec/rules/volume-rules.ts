import { ownVolumes } from "../../domain/volume.ts";
import { isAtOrBelow, kernelFolderOf } from "../paths.ts";
import type { Path } from "../yaml/tree.ts";
import { placedFiles } from "./placed-rules.ts";
import type { Breach, RuleInput, SpecRule } from "./rule.ts";

/** Rules for volumes: no conflicts of their paths, and one server at a time unless they are shared. */
export const volumeRules: readonly SpecRule[] = [
  volumesOnce,
  volumesApart,
  volumesApartFromKernel,
  volumesHideNoFile,
  volumesLargeEnough,
  keepNeedsSnapshots,
  oneWriter,
];

function* volumesOnce({ document: { servers } }: RuleInput): Generator<Breach> {
  const seen = new Set<string>();
  for (const [index, { name }] of (servers?.volumes ?? []).entries()) {
    if (seen.has(name)) {
      const message = `The volume ${name} appears twice; expected it once.`;
      yield { path: ["servers", "volumes", index, "name"], message };
    }
    seen.add(name);
  }
}

interface Place {
  readonly at: string;
  readonly what: string;
}

/** A volume neither lies in another mount nor has one in it: what is mounted there would be neither one's. */
function* volumesApart({ document: { servers } }: RuleInput): Generator<Breach> {
  const volumes = servers?.volumes ?? [];
  const writable = (servers?.writable ?? []).map(
    (at): Place => ({ at, what: `${at} in \`servers.writable\`` }),
  );
  const placed = placedFiles(servers).map(({ at, what }): Place => ({ at, what: `${what}, at ${at}` }));
  for (const [index, { path }] of volumes.entries()) {
    const former = volumes
      .slice(0, index)
      .map(({ name, path: at }): Place => ({ at, what: `the volume ${name}, at ${at}` }));
    const other = [...former, ...writable, ...placed].find((place) => overlap(path, place.at));
    if (other === undefined) continue;
    yield {
      path: pathOf(index),
      message: `${path} overlaps with ${other.what}; expected separate folders.`,
      hint: "Choose a folder for the volume that nothing else is in or around.",
    };
  }
}

function* volumesApartFromKernel({ document: { servers } }: RuleInput): Generator<Breach> {
  for (const [index, { path }] of (servers?.volumes ?? []).entries()) {
    const folder = kernelFolderOf(path);
    if (folder === undefined) continue;
    const message = `${path} is in ${folder}, which the kernel fills in every server; expected another path.`;
    yield { path: pathOf(index), message };
  }
}

function* volumesHideNoFile({ document: { image, servers } }: RuleInput): Generator<Breach> {
  for (const [index, { path }] of (servers?.volumes ?? []).entries()) {
    const hidden = (image?.files ?? []).find(({ to }) => isAtOrBelow(to, path));
    if (hidden === undefined) continue;
    yield {
      path: pathOf(index),
      message: `${path} is a volume and would hide ${hidden.to} from \`image.files\`; expected different paths.`,
      hint: "Move the file to another path: a volume has only what servers have written to it.",
    };
  }
}

/** A file system needs some of it for itself. */
const leastSize = 16 * 1024 ** 2;

function* volumesLargeEnough({ document: { servers } }: RuleInput): Generator<Breach> {
  for (const [index, { name, size }] of (servers?.volumes ?? []).entries()) {
    if (size === undefined || size >= leastSize) continue;
    const message = `The size of the volume ${name} is too small for a file system; expected at least 16MiB.`;
    yield { path: ["servers", "volumes", index, "size"], message };
  }
}

function* keepNeedsSnapshots({ document: { servers } }: RuleInput): Generator<Breach> {
  for (const [index, { name, keep, snapshot }] of (servers?.volumes ?? []).entries()) {
    if (keep === undefined || snapshot !== undefined) continue;
    yield {
      path: ["servers", "volumes", index, "keep"],
      message: `\`keep\` of the volume ${name} belongs to \`snapshot: before-rollout\`, which is missing.`,
      hint: "Write `snapshot: before-rollout`, or remove `keep`.",
    };
  }
}

function* oneWriter({ document: { servers, rollout } }: RuleInput): Generator<Breach> {
  const [own] = ownVolumes(servers?.volumes);
  if (own === undefined) return;
  const shared = `or write \`shared: true\` for ${own.name} if the program can share it with other servers.`;
  if (servers !== undefined && servers.count > 1) {
    yield {
      path: ["servers", "count"],
      message: `\`servers.count\` is ${servers.count}, but one server at a time may have the volume ${own.name}; expected 1.`,
      hint: `Write \`count: 1\`, ${shared}`,
    };
  }
  if (rollout !== undefined && rollout.strategy !== "recreate") {
    yield {
      path: ["rollout", "strategy"],
      message: `\`strategy: ${rollout.strategy}\` runs old and new servers side by side, but one server at a time may have the volume ${own.name}; expected \`strategy: recreate\`.`,
      hint: `Write \`rollout: { strategy: recreate }\`, ${shared}`,
    };
  }
}

function pathOf(index: number): Path {
  return ["servers", "volumes", index, "path"];
}

function overlap(a: string, b: string): boolean {
  return isAtOrBelow(a, b) || isAtOrBelow(b, a);
}
