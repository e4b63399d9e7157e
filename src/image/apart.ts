import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KilnError } from "../lib/errors.ts";
import { type ExecOptions, type ExecResult, exec } from "../lib/process/exec.ts";

/** Of the uids that no user has (systemd, UIDS-GIDS.md: 0x70000000 to 0x7FFDFFFF), after the uids that user namespaces of servers belong to. */
const firstUid = 0x7040_0000;
const uids = 65_536;

/** unshare(2) in the tables of system calls of asm/unistd.h. */
const unshareCalls: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 272, arm64: 97 };

/** A child, which still is the machine's root, gives the new namespace (CLONE_NEWUSER of sched.h) its uids: user_namespaces(7). */
const newUserProgram = `
my ($call, $first, $count, @argv) = @ARGV;
my $self = $$;
pipe(my $reader, my $writer) or die "pipe: $!\\n";
defined(my $child = fork) or die "fork: $!\\n";
if ($child == 0) {
  close $writer;
  sysread($reader, my $go, 1) or exit 1;
  for my $kind ("uid", "gid") {
    open(my $map, ">", "/proc/$self/\${kind}_map") or die "\${kind}_map: $!\\n";
    syswrite($map, "0 $first $count") or die "\${kind}_map: $!\\n";
  }
  exit 0;
}
syscall($call + 0, 0x10000000) == 0 or die "unshare: $!\\n";
syswrite($writer, "x");
waitpid($child, 0);
$? == 0 or exit 125;
($(, $)) = (0, "0 0");
($<, $>) = (0, 0);
exec @argv or die "exec: $!\\n";
`;

/** The new namespaces end with the program, and with them every mount and process. */
const ownNamespaces = [
  "--mount",
  "--pid",
  "--net",
  "--ipc",
  "--uts",
  "--fork",
  "--kill-child",
  "--mount-proc",
] as const;

/** Where the program finds its folder: its uids reach nothing in the folders above that one. */
export const apartFolder = "/mnt";

export interface ApartOptions extends ExecOptions {
  /** It reaches what this machine reaches, but not the machine's loopback; nothing reaches it. Otherwise its network is empty. */
  readonly internet?: boolean | undefined;
}

/** The address at which slirp4netns(1) answers questions for names. */
const resolvConf = "nameserver 10.0.2.3\n";

/** Waits until the process has a network of its own, and connects that. It ends with the process that has started it. */
const connects = `
while [ "$(readlink "/proc/$1/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
exec slirp4netns --configure --mtu=65520 --disable-host-loopback --enable-sandbox --enable-seccomp "$1" tap0
`;

const namesResolved =
  'if [ -e /etc/resolv.conf ]; then mount --bind "$1/resolv.conf" /etc/resolv.conf || exit; fi; ';

/** Within the namespaces: five seconds are far more than slirp4netns takes. */
const connected = [
  ...["sh", "-c"],
  'n=0; until grep -q ^tap0 /proc/net/route; do n=$((n+1)); [ $n -lt 250 ] || { echo "slirp4netns has not set up the network." >&2; exit 1; }; sleep 0.02; done; exec "$@"',
  "sh",
] as const;

/**
 * Runs a program that is not trusted as the root of namespaces of its own: with an empty network unless `internet` is given, and with uids that no user of
 * the machine has. What gets out of there can read what everyone can, and write to `folder` alone, which belongs to the program
 * until it ends, and to root afterwards. Throws what `exec` throws.
 */
export async function runApart(
  folder: string,
  argv: readonly [string, ...string[]],
  { internet = false, ...options }: ApartOptions,
): Promise<ExecResult> {
  const ended = new AbortController();
  const connect = (pid: number) => {
    const argv = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", connects, "sh", String(pid)] as const;
    exec([...argv], { signal: ended.signal }).catch(() => {}); // what it lacks, the program inside says
    options.started?.(pid);
  };
  if (internet) await prepareNetwork(folder, options);
  const bound = 'mount --bind "$1" "$2" && cd "$2" && shift 2 && exec "$@"';
  const call = String(unshareCalls[process.arch] ?? -1);
  const asNobody = ["perl", "-e", newUserProgram, "--", call, String(firstUid), String(uids)];
  await giveTo(firstUid, folder);
  try {
    return await exec(
      [
        ...[
          "unshare",
          "--mount",
          "sh",
          "-c",
          `${internet ? namesResolved : ""}${bound}`,
          "sh",
          folder,
          apartFolder,
        ],
        ...asNobody,
        ...["unshare", ...ownNamespaces],
        ...(internet ? connected : []),
        ...argv,
      ] as unknown as [string, ...string[]],
      {
        ...options,
        ...(internet ? { started: connect } : {}),
        env: { ...options.env, HOME: apartFolder, TMPDIR: apartFolder },
      },
    );
  } finally {
    ended.abort();
    await giveTo(0, folder);
  }
}

async function prepareNetwork(folder: string, { signal }: ExecOptions): Promise<void> {
  try {
    await exec(["slirp4netns", "--version"], { ...(signal && { signal }) });
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "tool_missing") throw error;
    throw new KilnError("tool_missing", "slirp4netns is not installed: it connects builds to the internet.", {
      hint: "Install it: apt-get install slirp4netns",
      permanent: true,
    });
  }
  await writeFile(join(folder, "resolv.conf"), resolvConf);
}

async function giveTo(id: number, folder: string): Promise<void> {
  await exec(["chown", "--recursive", "--no-dereference", `${id}:${id}`, folder]);
}
