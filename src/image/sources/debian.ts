import type { Source } from "./source.ts";

/** It has no layers itself: all its content comes with the packages. */
export const debian: Source<{ readonly kind: "debian"; readonly suite: string }> = {
  pattern: "debian:[a-z]+",
  parse: (text) => {
    const suite = text.slice("debian:".length);
    return suite === "latest" ? undefined : { kind: "debian", suite };
  },
  hint: (text) => (/^debian(:|$)/.test(text) ? suiteHint(text.slice("debian:".length)) : undefined),
  bringsCommand: false,
  takesPackages: true,
  runsSteps: false,
  open: async ({ suite }) => ({ identity: `debian:${suite}`, process: {}, layers: [] }),
};

const numbers: Readonly<Record<string, string>> = {
  "10": "buster",
  "11": "bullseye",
  "12": "bookworm",
  "13": "trixie",
  "14": "forky",
  "15": "duke",
};

/** `bookworm` for `12`; undefined for a number that Debian has not given yet. */
export function suiteOfVersion(version: string): string | undefined {
  return Object.hasOwn(numbers, version) ? numbers[version] : undefined;
}

function suiteHint(suite: string): string {
  if (suite.endsWith("-slim"))
    return `Kiln's Debian images are already slim: write \`debian:${suite.slice(0, -5)}\`.`;
  const codename = suiteOfVersion(suite.split(".")[0] ?? "");
  if (codename) return `Write the name of the suite: \`debian:${codename}\`.`;
  const lower = suite.toLowerCase();
  if (lower !== suite && /^[a-z]+$/.test(lower)) return `Write it in lower case: \`debian:${lower}\`.`;
  return "Name a suite: `debian:bookworm`, `debian:trixie`, `debian:stable`, ...";
}
