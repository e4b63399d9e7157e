/**
 * Commands that change nothing in an image of which servers start: they act on running programs, the machine's own devices, an init system's
 * state, the package manager's own records, or make caches that programs do without.
 */
export const idlePrograms: ReadonlySet<string> = new Set([
  // running services and their start
  ...["deb-systemd-helper", "deb-systemd-invoke", "invoke-rc.d", "service", "start-stop-daemon", "systemctl"],
  ...[
    "update-inetd",
    "update-rc.d",
    "kill",
    "killall",
    "pgrep",
    "pidof",
    "pkill",
    "telinit",
    "service-restart",
    "needrestart",
    "sleep",
    "sync",
    "wait",
  ],
  // kernel and devices of the machine
  ...[
    "aa-enabled",
    "aa-status",
    "apparmor_parser",
    "modprobe",
    "restorecon",
    "sysctl",
    "udevadm",
    "update-initramfs",
    "update-grub",
    "mountpoint",
  ],
  // PostgreSQL's clusters and the disks that they are on: an image has none
  ...["pg_lsclusters", "/usr/share/postgresql-common/pg_checksystem"],
  // what dpkg keeps for upgrades: there is no older version
  ...["dpkg-maintscript-helper", "ucfr", "ucfq"],
  // applied from the packages' files: users, folders, the loader's cache
  ...["ldconfig", "systemd-sysusers", "systemd-tmpfiles"],
  // speed only: fontconfig, GTK, Python and man make or do without them
  ...[
    "fc-cache",
    "gtk-update-icon-cache",
    "update-icon-caches",
    "mandb",
    "catman",
    "pycompile",
    "py3compile",
    "pypy3compile",
  ],
  // which program a desktop or a mail reader opens a file with
  ...["update-desktop-database", "update-mime"],
  // limits of the script itself
  "ulimit",
  // documentation, which a slim image does not have
  ...["install-info", "install-docs", "update-info-dir", "doc-base"],
  // the terminal, the language and the log of the person who installs
  ...["clear", "logger", "trap", "stty", "pam_getenv"],
  // accounts have shadow passwords from the beginning
  ...["shadowconfig", "pwconv", "grpconv"],
  // an identity of the machine, which each server gets when it starts
  ...["systemd-machine-id-setup", "dbus-uuidgen", "journalctl"],
]);

/** Programs that act on a process, or ask for one or for AppArmor: nothing runs while an image is made. */
const findsNothing = /^(aa-enabled|aa-status|kill|killall|pgrep|pidof|pkill|mountpoint)$/;
/** Questions to an init system about a service: it does not run and is not enabled. systemctl(1) answers them with 3. */
const asks = /^(is-(active|enabled|failed|system-running)|status|show|debian-installed|--(status|test))$/;

/** What a program that does nothing tells the script that asks. */
export function idleStatus(name: string, args: readonly string[]): number {
  if (findsNothing.test(name)) return 1;
  const isService = /^(deb-systemd-|invoke-rc|service|start-stop-daemon|systemctl)/.test(name);
  return isService && args.some((one) => asks.test(one)) ? 3 : 0;
}
