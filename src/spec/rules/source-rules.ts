import type { Breach, RuleInput } from "./rule.ts";

/** Options of sources.list(5) that let apt accept unsigned or weakly signed data. */
const unsignedName = /^(trusted|allow-insecure|allow-weak|allow-downgrade-to-insecure)[+-]?=/i;
const unsigned = new RegExp(`${unsignedName.source}(?!(no|false|without|off|disable|0)$)`, "i");
/**
 * The others that may be given: what they say changes nothing about where apt reads. apt takes any name for a field of its
 * sources, so `[uris=file:/etc]` would take the place of the line's own URI.
 */
const harmless =
  /^(arch|lang|target|pdiffs|by-hash|signed-by|check-valid-until|valid-until-min|valid-until-max|check-date|date-max-future)[+-]?=/i;
/** Methods of apt that fetch over a network and do not run programs of the machine. */
const network = ["http", "https"];
/** Methods that read files of this machine, as root. */
const local = ["file", "copy", "cdrom"];

/** A kiln.yaml may come from anywhere, and apt runs as root: to skip signatures or read local files needs `allowSources`. */
export function* sourcesAllowed({ document: { image } }: RuleInput): Generator<Breach> {
  for (const [index, line] of (image?.sources ?? []).entries()) {
    const [, options = "", method = ""] = /^deb(?: +\[([^\]]+)\])? +([^:]+):/.exec(line) ?? [];
    const path = ["image", "sources", index];
    const words = options.split(/\s+/).filter((word) => word !== "");
    const unknown = words.find((word) => !unsignedName.test(word) && !harmless.test(word));
    if (unknown !== undefined) {
      yield {
        path,
        message: `\`${unknown}\` is not an option of a package source that Kiln passes on; expected one of arch, signed-by and their like.`,
        hint: "Leave it out: sources.list(5) lists the options.",
      };
    }
    const option = words.find((word) => unsigned.test(word));
    if (option !== undefined && !image?.allowSources.includes("unsigned")) {
      yield {
        path,
        message: `\`${option}\` turns signature checks off; expected a signed source.`,
        hint: "Name the key with `[signed-by=/etc/apt/keyrings/NAME.gpg]`, or allow unsigned sources: `allowSources: [unsigned]`.",
      };
    }
    if (network.includes(method.toLowerCase())) continue;
    if (!local.includes(method.toLowerCase())) {
      yield { path, message: `Found a source with the method \`${method}:\`; expected http: or https:.` };
    } else if (!image?.allowSources.includes("local")) {
      yield {
        path,
        message: `\`${method}:\` reads files of this machine; expected http: or https:.`,
        hint: "To allow that, add `allowSources: [local]`.",
      };
    }
  }
}
