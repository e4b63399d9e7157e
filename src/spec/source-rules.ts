import type { Breach, RuleInput } from "./rules.ts";

/** Options of sources.list(5) that let apt take what nobody has signed, or signed weakly. */
const unsigned =
  /^(trusted|allow-insecure|allow-weak|allow-downgrade-to-insecure)[+-]?=(?!(no|false|without|off|disable|0)$)/i;
/** Methods of apt that fetch over a network and run no program of the machine. */
const network = ["http", "https"];
/** Those that read what lies on this machine, as root. */
const local = ["file", "copy", "cdrom"];

/** A kiln.yaml may come from anywhere, and apt runs as root: what gives up signatures or reads local files is said apart. */
export function* sourcesAllowed({ document: { image } }: RuleInput): Generator<Breach> {
  for (const [index, line] of (image?.sources ?? []).entries()) {
    const [, options = "", method = ""] = /^deb(?: +\[([^\]]+)\])? +([^:]+):/.exec(line) ?? [];
    const path = ["image", "sources", index];
    const option = options.split(/\s+/).find((word) => unsigned.test(word));
    if (option !== undefined && !image?.allowSources.includes("unsigned")) {
      yield {
        path,
        message: `\`${option}\` gives up what a signature would prove; expected a source that is signed.`,
        hint: "Name its key with `[signed-by=/etc/apt/keyrings/NAME.gpg]`, or allow it: `allowSources: [unsigned]`.",
      };
    }
    if (network.includes(method.toLowerCase())) continue;
    if (!local.includes(method.toLowerCase())) {
      yield { path, message: `Found a source with the method \`${method}:\`; expected http: or https:.` };
    } else if (!image?.allowSources.includes("local")) {
      yield {
        path,
        message: `\`${method}:\` reads files of this machine; expected http: or https:.`,
        hint: "If that is meant, allow it: `allowSources: [local]`.",
      };
    }
  }
}
