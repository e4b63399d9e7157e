import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isErrno } from "../../lib/errors.ts";
import { writeFileAtomic } from "../../lib/files/files.ts";
import type { TarEntry, TarTree } from "../tar/entry.ts";

/** An entry of a layer; its content is a slice of the layer's blob, kept as `[offset, length]`. */
interface Row extends Omit<TarEntry, "content" | "xattrs"> {
  readonly at?: readonly [number, number];
  readonly x?: Readonly<Record<string, string>>;
}

/** Keeps the list of a layer's content, so that its blob need not be read. Losing the list only costs time. */
export async function saveLayerIndex(path: string, tree: TarTree): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, JSON.stringify([...tree.values()].map(toRow)), { durable: false });
}

/** The layer's paths as slices of `blob`, or undefined when they are not kept (or the file is damaged). */
export function loadLayerIndex(path: string, blob: string): TarTree | undefined {
  try {
    const rows = JSON.parse(readFileSync(path, "utf8")) as readonly Row[];
    return new Map(rows.map((row) => [row.path, fromRow(row, blob)]));
  } catch (error) {
    if (isErrno(error, "ENOENT") || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function layerIndexPath(cache: string, digest: string): string {
  return join(cache, "layers", `${digest.slice("sha256:".length)}.paths.json`);
}

function toRow({ content, xattrs, ...rest }: TarEntry): Row {
  return {
    ...rest,
    ...(content?.kind === "slice" ? { at: [content.offset, content.length] as const } : {}),
    ...(xattrs === undefined ? {} : { x: mapValues(xattrs, (v) => Buffer.from(v).toString("base64")) }),
  };
}

function fromRow({ at, x, ...rest }: Row, blob: string): TarEntry {
  return {
    ...rest,
    ...(at === undefined ? {} : { content: { kind: "slice", path: blob, offset: at[0], length: at[1] } }),
    ...(x === undefined ? {} : { xattrs: mapValues(x, (v) => Buffer.from(v, "base64")) }),
  };
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
