import type { MapTree, YamlTree } from "../yaml/tree.ts";
import type { SpecFinding } from "./findings.ts";

/** Each rung is an environment of the file, once, and none of them makes another image. */
export function* ladderFindings(root: MapTree): Generator<SpecFinding> {
  const ladder = root.entries.get("ladder")?.value;
  if (ladder?.kind !== "list") return;
  const environments = entriesOf(root.entries.get("environments")?.value);
  const seen = new Set<string>();
  for (const rung of ladder.items) {
    if (rung.kind !== "scalar") continue;
    const { text: name, offset } = rung;
    const environment = environments.get(name)?.value;
    if (seen.has(name)) {
      yield { offset, message: `The environment \`${name}\` is on the ladder twice; expected it once.` };
    } else if (environment === undefined) {
      const known = [...environments.keys()].join(", ") || "none";
      const message = `There is no environment \`${name}\`; expected one of those in \`environments\`: ${known}.`;
      yield {
        offset,
        message,
        hint: `Write \`${name}: {}\` below \`environments\` if nothing differs there.`,
      };
    }
    seen.add(name);
    const image = entriesOf(environment).get("image");
    if (image === undefined) continue;
    yield {
      offset: image.keyOffset,
      message: `\`environments.${name}.image\` makes another image there; a service with a ladder has the same image in each of its environments.`,
      hint: `Move what differs to \`servers.env\` or \`servers.files\`, or take \`${name}\` off the ladder.`,
    };
  }
}

function entriesOf(tree: YamlTree | undefined): MapTree["entries"] {
  return tree?.kind === "map" ? tree.entries : new Map();
}
