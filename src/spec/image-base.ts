import { nearest } from "../lib/nearest.ts";

/** As written, before the path is looked up. */
export type WrittenBase =
  | { readonly kind: "scratch" }
  | { readonly kind: "debian"; readonly suite: string }
  | { readonly kind: "oci"; readonly path: string; readonly ref: string | undefined };

/** `oci:PATH#REF`: REF as the OCI image layout's annotation `org.opencontainers.image.ref.name` allows it. */
export const basePattern = /^(scratch|debian:[a-z]+|oci:[^#]+(#[A-Za-z0-9][A-Za-z0-9._:@/+-]*)?)$/;

export function parseBase(text: string): WrittenBase | undefined {
  if (!basePattern.test(text)) return undefined;
  const [kind, rest = ""] = split(text, ":");
  if (kind === "debian") return rest === "latest" ? undefined : { kind, suite: rest };
  if (kind !== "oci") return { kind: "scratch" };
  const [path = "", ref] = split(rest, "#");
  return { kind: "oci", path, ref };
}

function split(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

const suiteOfVersion: Readonly<Record<string, string>> = {
  "10": "buster",
  "11": "bullseye",
  "12": "bookworm",
  "13": "trixie",
};

/** The remedy for a base that Kiln does not know. */
export function baseHint(found: unknown): string | undefined {
  if (typeof found !== "string") return undefined;
  const [kind, rest] = split(found, ":");
  if (kind === "debian") return debianHint(rest ?? "");
  if (kind === "oci")
    return "Write `oci:PATH`, or `oci:PATH#REF` to pick one of several images, where REF is a name or a digest.";
  if (found.startsWith("./") || found.startsWith("/"))
    return `Write \`oci:${found}\` for an image layout at that path.`;
  const meant = nearest(kind, ["scratch", "debian", "oci"]);
  if (meant) return `Did you mean \`${rest === undefined ? meant : `${meant}:${rest}`}\`?`;
  return `Images of a registry are not supported: use \`debian:bookworm\` with \`packages\`, or fetch the image into a folder (\`skopeo copy docker://${found} oci:base\`) and write \`oci:./base\`.`;
}

function debianHint(suite: string): string {
  if (suite.endsWith("-slim"))
    return `Kiln's Debian images are already slim: write \`debian:${suite.slice(0, -5)}\`.`;
  const codename = suiteOfVersion[suite.split(".")[0] ?? ""];
  if (codename) return `Write the name of the suite: \`debian:${codename}\`.`;
  const lower = suite.toLowerCase();
  if (lower !== suite && /^[a-z]+$/.test(lower)) return `Write it in lower case: \`debian:${lower}\`.`;
  return "Name a suite: `debian:bookworm`, `debian:trixie`, `debian:stable`, ...";
}
