import { KilnError, toKilnError } from "../lib/errors.ts";
import { cloudMetadata } from "../lib/net/addresses.ts";
import { type ExecOptions, type ExecResult, exec } from "../lib/process/exec.ts";

/** Of the uids that no user has (systemd, UIDS-GIDS.md: 0x70000000 to 0x7FFDFFFF), after the uids that user namespaces of servers belong to. */
const firstUid = 0x7040_0000;
const uids = 65_536;

/** unshare(2) and mount(2) in the tables of system calls of asm/unistd.h. */
const systemCalls: Readonly<Partial<Record<NodeJS.Architecture, readonly [unshare: number, mount: number]>>> =
  { x64: [272, 165], arm64: [97, 40] };

/**
 * Where the program finds its folder: its uids reach nothing in the folders above that one. No mount of a Dockerfile's step may have the same path: when the
 * step has ended, buildah 1.28 would remove all of the image in place of the mount.
 */
export const apartFolder = "/run/kiln-build";

/** Everyone may write to these: each is another name of the program's folder. */
const sharedFolders = ["/tmp", "/var/tmp", "/dev/shm"];

/**
 * What the machine's root lays out before the program has a user namespace, which then can undo none of it (mount_namespaces(7), "Restrictions"). Other
 * programs listen on sockets in /run, and there is no need to reach them.
 */
const layOut = `
set -e
mount -t tmpfs -o mode=0755 none /run
mkdir ${apartFolder}
mount --bind "$1" ${apartFolder}
for shared in ${sharedFolders.join(" ")}; do
  [ ! -d $shared ] || mount --bind ${apartFolder} $shared
done
cd ${apartFolder}
`;

/**
 * Waits for the network: five seconds are far more than slirp4netns takes. What clouds tell a machine stays
 * closed. slirp4netns(1) answers questions for names at 10.0.2.3.
 */
const joinNetwork = `
n=0
until grep -q ^tap0 /proc/net/route; do
  n=$((n+1))
  [ $n -lt 250 ] || { echo "slirp4netns has not set up the network." >&2; exit 1; }
  sleep 0.02
done
for closed in ${cloudMetadata.ipv4.join(" ")}; do ip route add prohibit $closed; done
names=$(readlink -m /etc/resolv.conf)
echo "nameserver 10.0.2.3" >/run/kiln-names
case $names in
  /run/*) mkdir -p "\${names%/*}" && cp /run/kiln-names "$names" ;;
  *) [ ! -e "$names" ] || mount --bind /run/kiln-names "$names" ;;
esac
`;

/**
 * Makes every mount read-only (MS_REMOUNT, MS_BIND, MS_RDONLY, and the flags that it has, of sys/mount.h), but the program's folder and what shows no files of the
 * machine. A mount that lies below another one has no path. Then a child, which still is the machine's root, gives the new namespace (CLONE_NEWUSER of
 * sched.h) its uids: user_namespaces(7).
 */
const newUserProgram = String.raw`
my ($unshare, $mount, $first, $count, $own, @argv) = @ARGV;
my %own = map { $_ => 1 } split " ", $own;
my %flags = (nosuid => 2, nodev => 4, noexec => 8, noatime => 1 << 10, nodiratime => 1 << 11, relatime => 1 << 21);
open(my $mounts, "<", "/proc/self/mountinfo") or die "mountinfo: $!\n";
for my $line (<$mounts>) {
  my ($at, $options) = (split " ", $line)[4, 5];
  $at =~ s/\\([0-7]{3})/chr oct $1/ge;
  next if $own{$at} or $at =~ m{^/(proc|sys)(/|$)};
  my $wanted = 1 << 5 | 1 << 12 | 1;
  $wanted |= $flags{$_} // 0 for split ",", $options;
  next if syscall($mount + 0, 0, $at, 0, $wanted, 0) == 0;
  $!{ENOENT} or $!{EINVAL} or $!{ENOTDIR} or $!{EACCES} or die "$at cannot be made read-only: $!\n";
}
close $mounts;
my $self = $$;
pipe(my $reader, my $writer) or die "pipe: $!\n";
defined(my $child = fork) or die "fork: $!\n";
if ($child == 0) {
  close $writer;
  sysread($reader, my $go, 1) or exit 1;
  for my $kind ("uid", "gid") {
    open(my $map, ">", "/proc/$self/" . $kind . "_map") or die "$kind: $!\n";
    syswrite($map, "0 $first $count") or die "$kind: $!\n";
  }
  exit 0;
}
syscall($unshare + 0, 0x10000000) == 0 or die "unshare: $!\n";
syswrite($writer, "x");
waitpid($child, 0);
$? == 0 or exit 125;
($(, $)) = (0, "0 0");
($<, $>) = (0, 0);
exec @argv or die "exec: $!\n";
`;

/** The new namespaces end with the program, and with them every mount and process; the program ends with this process. */
const ownNamespaces = [
  ...["setpriv", "--pdeathsig", "KILL"],
  ...["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"],
];

export interface ApartOptions extends ExecOptions {
  /**
   * It reaches what this machine reaches, but neither the machine's loopback nor where clouds tell a machine its credentials; nothing reaches it. Otherwise
   * its network is empty.
   */
  readonly internet?: boolean | undefined;
}

/** Waits until the process has a network of its own, and connects that. It ends with the process that has started it. */
const connects = `
while [ "$(readlink "/proc/$1/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
exec slirp4netns --configure --mtu=65520 --disable-host-loopback --enable-sandbox --enable-seccomp --netns-type=path "/proc/$1/ns/net" tap0
`;

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
  if (internet) await requireSlirp(options);
  await giveTo(firstUid, folder);
  const network = internet ? connection(options) : undefined;
  try {
    return await exec(["unshare", "--mount", ...enclosed(folder, internet), ...argv], {
      ...{ ...options, ...network?.options },
      env: { ...options.env, HOME: apartFolder, TMPDIR: apartFolder },
    });
  } catch (error) {
    throw network?.fault() ?? error;
  } finally {
    network?.end();
    await giveTo(0, folder);
  }
}

/**
 * The command line that encloses another. The network with the internet belongs to the machine's root, so that the program cannot change how
 * it reaches what; the empty one is the program's own.
 */
function enclosed(folder: string, internet: boolean): readonly string[] {
  const calls = (systemCalls[process.arch] ?? [-1, -1]).map(String);
  const own = [apartFolder, ...sharedFolders].join(" ");
  return [
    ...(internet ? ["--net"] : []),
    ...["sh", "-c", `${layOut}${internet ? joinNetwork : ""}shift; exec "$@"`, "sh", folder],
    ...["perl", "-e", newUserProgram, "--", ...calls, String(firstUid), String(uids), own],
    ...[...ownNamespaces, ...(internet ? [] : ["--net"])],
  ];
}

/** Connects a program, from its start to `end`. One that cannot be connected does not continue: `fault` then tells why. */
function connection(options: ExecOptions) {
  const [ended, broken] = [new AbortController(), new AbortController()];
  let fault: KilnError | undefined;
  const started = (pid: number) => {
    exec(["setpriv", "--pdeathsig", "KILL", "sh", "-c", connects, "sh", String(pid)], {
      signal: ended.signal,
    }).catch((error: unknown) => {
      if (ended.signal.aborted) return;
      fault = notConnected(error);
      broken.abort();
    });
    options.started?.(pid);
  };
  const signal = AbortSignal.any([broken.signal, ...(options.signal ? [options.signal] : [])]);
  return { options: { started, signal }, fault: () => fault, end: () => ended.abort() };
}

function notConnected(cause: unknown): KilnError {
  const { message } = toKilnError(cause);
  const words = message.replace(/^.*?exited with \d+:? ?/s, "");
  return new KilnError("command_failed", `The build cannot be connected to the internet: ${words}`, {
    hint: "slirp4netns needs /dev/net/tun: `modprobe tun` brings it, unless this machine is a container that may not have it.",
    cause,
  });
}

async function requireSlirp({ signal }: ExecOptions): Promise<void> {
  try {
    await exec(["slirp4netns", "--version"], { ...(signal && { signal }) });
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "tool_missing") throw error;
    throw new KilnError("tool_missing", "slirp4netns is not installed: it connects builds to the internet.", {
      hint: "Install it: apt-get install slirp4netns",
      permanent: true,
    });
  }
}

async function giveTo(id: number, folder: string): Promise<void> {
  await exec(["chown", "--recursive", "--no-dereference", `${id}:${id}`, folder]);
}
