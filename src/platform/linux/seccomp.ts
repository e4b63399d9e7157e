/** Part of `linux.seccomp` of the OCI runtime specification. */
interface SyscallRule {
  readonly names: readonly string[];
  readonly action: "SCMP_ACT_ERRNO";
  readonly errnoRet: number;
  readonly args?: readonly Condition[];
}

/** All conditions of a rule must hold; libseccomp takes one for each argument and compares 64 bits, without sign. */
interface Condition {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: "SCMP_CMP_MASKED_EQ" | "SCMP_CMP_EQ" | "SCMP_CMP_GT";
}

export interface Seccomp {
  readonly defaultAction: "SCMP_ACT_ALLOW";
  readonly syscalls: readonly SyscallRule[];
}

const notPermitted = 1; // EPERM
const accessDenied = 13; // EACCES
const notImplemented = 38; // ENOSYS
const familyNotSupported = 97; // EAFNOSUPPORT
const protocolNotSupported = 93; // EPROTONOSUPPORT
/** MFD_EXEC of memfd_create(2). */
const executableMemory = 0x10;

/** What a server that never changes has no use for: most of it needs capabilities too, which servers don't have. */
const denied = [
  // mounts and namespaces
  ..."mount umount umount2 pivot_root chroot setns unshare".split(" "),
  ..."fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr mount_setattr".split(" "),
  // other processes' memory and files
  ..."ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp".split(" "),
  // files by handle pass by the borders of the mount namespace
  ..."open_by_handle_at name_to_handle_at".split(" "),
  // kernel: programs in it, its keys, modules, images, tracing
  ..."bpf add_key request_key keyctl init_module finit_module delete_module create_module".split(" "),
  ..."query_module get_kernel_syms kexec_load kexec_file_load perf_event_open lookup_dcookie".split(" "),
  // wide attack surfaces with a history
  ..."userfaultfd io_uring_setup io_uring_enter io_uring_register vm86 vm86old modify_ldt".split(" "),
  // the machine as a whole
  ..."swapon swapoff reboot acct quotactl quotactl_fd syslog vhangup sethostname setdomainname".split(" "),
  ..."settimeofday stime clock_settime clock_settime64 clock_adjtime clock_adjtime64 adjtimex".split(" "),
  ..."iopl ioperm nfsservctl _sysctl sysfs uselib ustat".split(" "),
  // memory placement of other processes
  ..."move_pages migrate_pages set_mempolicy_home_node fanotify_init".split(" "),
] as const;

/** CLONE_NEW* of clone(2), each refused by itself: seccomp can ask for "these bits equal", not for "any of these". */
const newNamespaceFlags = [
  0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
];

/** Families of socket(2), by their numbers in linux/socket.h. */
const families = { unspecified: 0, unix: 1, inet: 2, inet6: 10, netlink: 16 };
/** Of netlink(7), NETLINK_ROUTE: getifaddrs(3) and resolvers ask for addresses and routes with it. */
const route = 0;

/**
 * An allow list of socket families, as a list of what is not on it: AF_VSOCK reaches the hypervisor past every network
 * namespace, and most others (AF_ALG, AF_PACKET, AF_KEY, Bluetooth, CAN, ...) are wide attack surfaces. The errors are
 * the numbers of a kernel without them, which programs know how to meet. `socketcall` of 32-bit programs keeps its arguments in
 * memory, where seccomp cannot look, but system calls of another architecture end the process anyway.
 */
const socketRules: readonly SyscallRule[] = [
  ...unlistedFamilies().map((family) => ({
    names: ["socket", "socketpair"],
    action: "SCMP_ACT_ERRNO" as const,
    errnoRet: familyNotSupported,
    args: [family],
  })),
  {
    names: ["socket", "socketpair"],
    action: "SCMP_ACT_ERRNO",
    errnoRet: protocolNotSupported,
    args: [
      { index: 0, value: families.netlink, op: "SCMP_CMP_EQ" },
      { index: 2, value: route, op: "SCMP_CMP_GT" },
    ],
  },
];

/** Every number below the highest that is listed and not itself listed, and all above it. */
function unlistedFamilies(): readonly Condition[] {
  const listed = new Set(Object.values(families));
  const highest = Math.max(...listed);
  const below = Array.from({ length: highest }, (_, family) => family).filter(
    (family) => !listed.has(family),
  );
  return [
    ...below.map((value) => ({ index: 0, value, op: "SCMP_CMP_EQ" as const })),
    { index: 0, value: highest, op: "SCMP_CMP_GT" },
  ];
}

/**
 * Everything is allowed but a deny list. Only the machine's own architecture is listed, so system calls of another
 * one (32-bit x86, x32) end the process: they would pass by the rules.
 */
export const seccomp: Seccomp = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [
    { names: denied, action: "SCMP_ACT_ERRNO", errnoRet: notPermitted },
    ...newNamespaceFlags.map((flag) => ({
      names: ["clone"],
      action: "SCMP_ACT_ERRNO" as const,
      errnoRet: notPermitted,
      args: [{ index: 0, value: flag, valueTwo: flag, op: "SCMP_CMP_MASKED_EQ" as const }],
    })),
    ...socketRules,
    // A program that asks for memory to run from; one that does not ask gets none on Linux 6.3 (memory-programs.ts).
    {
      names: ["memfd_create"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: accessDenied,
      args: [{ index: 1, value: executableMemory, valueTwo: executableMemory, op: "SCMP_CMP_MASKED_EQ" }],
    },
    // Its flags lie in memory, where seccomp cannot look; C libraries fall back to clone.
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: notImplemented },
  ],
};
