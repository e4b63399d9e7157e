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
    "apparmor_parser",
    "modprobe",
    "restorecon",
    "sysctl",
    "udevadm",
    "update-initramfs",
    "update-grub",
    "mountpoint",
  ],
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
  // documentation, which a slim image does not have
  ...["install-info", "install-docs", "update-info-dir", "doc-base"],
  // the terminal and the log of the person who installs
  ...["clear", "logger", "trap", "umask", "stty"],
  // accounts have shadow passwords from the beginning
  ...["shadowconfig", "pwconv", "grpconv"],
  // keys and identities: an image has none, since all of its servers would share them
  ...[
    "make-ssl-cert",
    "nsd-control-setup",
    "unbound-control-setup",
    "rndc-confgen",
    "systemd-machine-id-setup",
    "dbus-uuidgen",
    "journalctl",
  ],
]);
