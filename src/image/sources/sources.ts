import type { ImageBase } from "../../domain/spec/image-spec.ts";
import { nearest } from "../../lib/nearest.ts";
import { channel } from "./channel.ts";
import { debian } from "./debian.ts";
import { dockerfile } from "./dockerfile.ts";
import { oci } from "./oci.ts";
import { packer } from "./packer/packer.ts";
import { registry } from "./registry.ts";
import { scratch } from "./scratch.ts";
import type { Source } from "./source.ts";

/** Every kind of `image.from`. Their patterns do not overlap. */
const sources = { scratch, debian, oci, dockerfile, packer, channel, registry } satisfies {
  [Kind in ImageBase["kind"]]: Source<Extract<ImageBase, { kind: Kind }>>;
};

const all = Object.values<Pick<Source, "pattern" | "parse" | "hint">>(sources);

/** What `image.from` may be. */
export const basePattern = new RegExp(`^(${all.map(({ pattern }) => pattern).join("|")})$`);

/** As written: paths are not looked up. */
export function parseBase(text: string): ImageBase | undefined {
  return all.find(({ pattern }) => new RegExp(`^(?:${pattern})$`).test(text))?.parse(text);
}

/** The remedy for a base that Kiln does not know. */
export function baseHint(found: unknown): string | undefined {
  if (typeof found !== "string") return undefined;
  const [kind = "", ...rest] = found.split(":");
  const meant =
    kind in sources
      ? undefined
      : nearest(kind, ["scratch", "debian", "oci", "dockerfile", "packer", "channel"]);
  if (meant) return `Did you mean \`${[meant, ...rest].join(":")}\`?`;
  return all.map(({ hint }) => hint(found)).find(Boolean);
}

/** The source of a base. */
export function sourceOf<B extends ImageBase>(base: B): Source<B> {
  return sources[base.kind] as unknown as Source<B>;
}
