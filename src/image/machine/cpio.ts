/** One path of an archive that the kernel unpacks before it starts: parents come first. */
export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  readonly mode: number;
  readonly type: "file" | "folder";
  readonly bytes?: Uint8Array;
}

const types = { file: 0o100_000, folder: 0o040_000 };

/**
 * The archive, in the form "newc" of the kernel's Documentation/driver-api/early-userspace/buffer-format.rst. The same entries
 * give the same bytes: owners are 0, times are 0, inode numbers are counted.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, index) => member(entry, index + 1));
  return Buffer.concat([...parts, ...member({ path: "TRAILER!!!", mode: 0, type: "file" }, 0)]);
}

function member({ path, mode, type, bytes = new Uint8Array() }: CpioEntry, inode: number): readonly Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const fields = [
    ...[inode, inode === 0 ? 0 : types[type] | mode, 0, 0, 1, 0, bytes.length],
    ...[0, 0, 0, 0, name.length, 0],
  ];
  const head = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [padded(Buffer.concat([head, name])), padded(Buffer.from(bytes))];
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
