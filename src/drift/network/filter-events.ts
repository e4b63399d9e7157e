/** recvmsg(2) in the tables of system calls of asm/unistd.h. */
const recvmsgCalls: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 47, arm64: 212 };

/**
 * Prints `[nsid 7][FILTER]` when a packet filter of nftables changes in another network namespace that this one has a number
 * for, at most once a second for each. A message brings that number next to its content (netlink(7),
 * NETLINK_LISTEN_ALL_NSID), which `nft monitor` does not ask for. Numbers are from linux/netlink.h, linux/netfilter/nfnetlink.h
 * and asm-generic/socket.h.
 */
const program = `
use strict;
use Socket;
use Errno;
$| = 1;
my ($recvmsg) = @ARGV;
my ($netlink, $netfilter, $tables, $options, $join, $allNamespaces, $receiveBuffer) = (16, 12, 7, 270, 1, 8, 33);
socket(my $socket, $netlink, SOCK_RAW, $netfilter) or die "socket: $!\\n";
setsockopt($socket, $options, $allNamespaces, pack("i", 1)) or die "all namespaces: $!\\n";
setsockopt($socket, SOL_SOCKET, $receiveBuffer, pack("i", 1 << 22));
bind($socket, pack("S S L L", $netlink, 0, 0, 0)) or die "bind: $!\\n";
setsockopt($socket, $options, $join, pack("i", $tables)) or die "changes of tables: $!\\n";
my %told;
while (1) {
  my ($content, $number) = ("\\0" x 65536, "\\0" x 256);
  my $part = pack("P Q", $content, length $content);
  my $message = pack("Q Q P Q P Q Q", 0, 0, $part, 1, $number, length $number, 0);
  if (syscall($recvmsg + 0, fileno $socket, $message, 0) < 0) {
    next if $!{EINTR};
    print STDERR "netlink receive error: $!\\n";
    next if $!{ENOBUFS};
    exit 1;
  }
  next if unpack("x40 Q", $message) < 20;
  my (undef, $level, $type, $namespace) = unpack("Q i i i", $number);
  next if $level != $options || $type != $allNamespaces || ($told{$namespace} // 0) == time;
  $told{$namespace} = time;
  print "[nsid $namespace][FILTER]\\n";
}
`;

/** Undefined where no one knows the call's number. */
export function filterEventsArgv(): readonly string[] | undefined {
  const call = recvmsgCalls[process.arch];
  return call === undefined ? undefined : ["perl", "-e", program, "--", String(call)];
}
