/** One order for the first process of a machine: its name, and fields of which the last may hold any bytes. */
export type GuestOrder = readonly [string, ...(string | number | Uint8Array)[]];

/** The orders as `src/image/machine/init.c` reads them: `NAME LENGTH\n`, and the fields, each ended by a zero byte. */
export function encodeOrders(orders: readonly GuestOrder[]): Uint8Array<ArrayBuffer> {
  return joined(orders.flatMap(encode));
}

const text = new TextEncoder();

function encode([name, ...fields]: GuestOrder): readonly Uint8Array[] {
  const body = joined(
    fields.flatMap((field) => [
      typeof field === "object" ? field : text.encode(String(field)),
      new Uint8Array(1),
    ]),
  );
  return [text.encode(`${name} ${body.length}\n`), body];
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const flags = new Set(["ro", "nosuid", "nodev", "noexec", "remount"]);

/** Mounts a file system of this type; `options` as of mount(8). */
export function mountOrder(type: string, path: string, options: readonly string[]): GuestOrder {
  const own = options.filter((option) => !flags.has(option));
  return ["mount", type, path, type, options.filter((option) => flags.has(option)).join(","), own.join(",")];
}

const devices = [
  ...[
    ["null", 1, 3],
    ["zero", 1, 5],
    ["full", 1, 7],
    ["random", 1, 8],
    ["urandom", 1, 9],
    ["tty", 5, 0],
  ],
] as const;
const links = [
  ...[
    ["/proc/self/fd", "fd"],
    ["/proc/self/fd/0", "stdin"],
    ["/proc/self/fd/1", "stdout"],
    ["/proc/self/fd/2", "stderr"],
  ],
  ["pts/ptmx", "ptmx"],
] as const;

/** The same /dev and /sys as in a container; `/dev/shm` holds at most so many bytes and files. */
export function deviceOrders(shared: {
  readonly bytes: number;
  readonly files: number;
}): readonly GuestOrder[] {
  const closed = ["nosuid", "noexec"];
  return [
    mountOrder("tmpfs", "/dev", [...closed, "mode=755", "size=65536", "nr_inodes=128"]),
    ["folder", "/dev/pts", "0755", 0, 0],
    ["folder", "/dev/shm", "1777", 0, 0],
    ...devices.map(([name, major, minor]): GuestOrder => ["device", `/dev/${name}`, major, minor]),
    ...links.map(([target, name]): GuestOrder => ["link", target, `/dev/${name}`]),
    mountOrder("devpts", "/dev/pts", [...closed, "newinstance", "ptmxmode=0666", "mode=0620"]),
    mountOrder("tmpfs", "/dev/shm", [
      ...closed,
      "nodev",
      "mode=1777",
      `size=${shared.bytes}`,
      `nr_inodes=${shared.files}`,
    ]),
    mountOrder("tmpfs", "/dev", [...closed, "remount", "ro"]),
    mountOrder("sysfs", "/sys", [...closed, "nodev", "ro"]),
    // The configuration of the machine, secrets too, is below it.
    mountOrder("tmpfs", "/sys/firmware", [...closed, "nodev", "ro", "size=0"]),
  ];
}

/** The one program of a machine. */
export interface GuestProcess {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Empty for `/`. */
  readonly workingFolder: string;
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly argv: readonly string[];
}

/** What the first process runs, as whom. */
export function processOrders(process: GuestProcess): readonly GuestOrder[] {
  return [
    ["user", process.uid, process.gid],
    ...process.groups.map((group): GuestOrder => ["group", group]),
    ["cwd", process.workingFolder || "/"],
    ...process.env.map((line): GuestOrder => ["env", line]),
    ...process.argv.map((word): GuestOrder => ["arg", word]),
  ];
}
