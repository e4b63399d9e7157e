import { contentRange } from "../store/content.ts";
import type { Content } from "../tar/entry.ts";

/** The interpreter that the kernel loads to run a program. */
export interface Interpreter {
  readonly kind: "loader" | "script";
  /** As written in the program, mostly an absolute path. */
  readonly path: string;
  /** Of a script: the argument before the script's own path (execve(2): one argument). */
  readonly argument: string;
}

/** As much of a script's first line as the kernel reads (execve(2), "Interpreter scripts"). */
const firstLineBytes = 256;

/** The longest path that Linux knows (limits.h, PATH_MAX). */
const longestPath = 4096;

/** The interpreter that a program names: the `PT_INTERP` of an ELF file, the `#!` of a script. Undefined if there is none. */
export function interpreterOf(content: Content | undefined): Interpreter | undefined {
  if (content === undefined) return undefined;
  const head = contentRange(content, 0, firstLineBytes);
  if (head.subarray(0, 2).toString("latin1") === "#!") return scriptInterpreter(head);
  if (head.subarray(0, 4).toString("latin1") === "\x7fELF") return elfInterpreter(content, head);
  return undefined;
}

function scriptInterpreter(head: Buffer): Interpreter | undefined {
  const [line = ""] = head.subarray(2).toString("utf8").split("\n");
  const [, path, argument = ""] = /^[ \t]*([^ \t]+)[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
  return path === undefined ? undefined : { kind: "script", path, argument };
}

/** `PT_INTERP` (elf(5), `p_type`). */
const interpreterSegment = 3;

/** Where things are in the header of the file and of a segment, for each class (elf(5), `Elf32_Phdr` and `Elf64_Phdr`). */
const layouts = {
  1: { table: 28, entrySize: 42, count: 44, offset: 4, size: 16, wide: false },
  2: { table: 32, entrySize: 54, count: 56, offset: 8, size: 32, wide: true },
} as const;

function elfInterpreter(content: Content, head: Buffer): Interpreter | undefined {
  const layout = head[4] === 1 || head[4] === 2 ? layouts[head[4]] : undefined;
  if (layout === undefined || head.length < 64) return undefined;
  const isBig = head[5] === 2;
  const half = (at: number) => (isBig ? head.readUInt16BE(at) : head.readUInt16LE(at));
  const entrySize = half(layout.entrySize);
  const table = contentRange(
    content,
    addressIn(head, layout.table, layout.wide, isBig),
    entrySize * half(layout.count),
  );
  for (let at = 0; entrySize > layout.size + 8 && at + entrySize <= table.length; at += entrySize) {
    const type = isBig ? table.readUInt32BE(at) : table.readUInt32LE(at);
    if (type !== interpreterSegment) continue;
    const offset = addressIn(table, at + layout.offset, layout.wide, isBig);
    const size = Math.min(longestPath, addressIn(table, at + layout.size, layout.wide, isBig));
    const [path = ""] = contentRange(content, offset, size).toString("utf8").split("\0");
    return path === "" ? undefined : { kind: "loader", path, argument: "" };
  }
  return undefined;
}

function addressIn(bytes: Buffer, at: number, wide: boolean, isBig: boolean): number {
  if (wide) return Number(isBig ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at));
  return isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
}
