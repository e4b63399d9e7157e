/**
 * Packages that others depend on only for their maintainer scripts. A slim image runs no such scripts, so the
 * resolver counts these as installed, unless another package really needs it.
 */
export interface Assumption {
  readonly name: string;
  /** Only these packages depend on it for their scripts; all others really need it. */
  readonly onlyFor?: readonly string[];
  /** These packages use it while they run. */
  readonly notFor?: readonly string[];
}

export const assumptions: readonly Assumption[] = [
  { name: "adduser" },
  {
    name: "debconf",
    notFor: ["apt-utils", "debconf-doc", "debconf-i18n", "debconf-utils", "libdebconf-kde1", "tasksel"],
  },
  {
    name: "dpkg",
    notFor: [
      "apt",
      "aptitude",
      "debhelper",
      "debootstrap",
      "dpkg-dev",
      "dpkg-repack",
      "lintian",
      "mmdebstrap",
    ],
  },
  { name: "init-system-helpers" },
  // nginx asks `ss` in its postinst whether port 80 is free
  { name: "iproute2", onlyFor: ["nginx", "nginx-core", "nginx-extras", "nginx-full", "nginx-light"] },
  { name: "lsb-base" },
  { name: "runit-helper" },
  // sysusers.d and tmpfiles.d are applied when the image is assembled
  { name: "systemd-standalone-sysusers" },
  { name: "systemd-standalone-tmpfiles" },
  { name: "sysvinit-utils", notFor: ["sysv-rc", "sysvinit-core"] },
  { name: "ucf" },
  { name: "usr-is-merged" },
  // the JRE asks `mountpoint` in its postinst whether /proc is there
  {
    name: "util-linux",
    onlyFor: ["11", "17", "21", "25"].map((version) => `openjdk-${version}-jre-headless`),
  },
];

/**
 * What every slim image has. Unpacked without dependencies of their own: those serve the scripts and a few tools
 * (`update-passwd`, `update-ca-certificates`) that have no use in an image that never changes.
 */
export const basePackages: readonly string[] = [
  "base-files",
  "base-passwd",
  "ca-certificates",
  "libc-bin",
  "netbase",
  "tzdata",
];

/** Resolved like a package the user asked for: nothing dynamically linked runs without it. */
export const baseLibrary = "libc6";

/** Whether `dependent` may do without the assumed package. */
export function isJustified(assumption: Assumption, dependent: string): boolean {
  if (assumption.onlyFor && !assumption.onlyFor.includes(dependent)) return false;
  return !assumption.notFor?.includes(dependent);
}
