import type { Recipe } from "./recipe.ts";

/** Every recipe. To add one: docs/packages.md. */
export const recipes: readonly Recipe[] = [
  {
    packages: ["base-files"],
    why: "Makes the folders and links that every system has, and root's and the system's default profile.",
    paths: [
      ...["mnt", "srv", "opt", "media", "etc/opt", "var/opt", "home", "boot"].map((path) => folder(path)),
      ...["bin", "etc", "games", "include", "lib", "sbin", "share", "share/man", "src"].map((name) =>
        folder(`usr/local/${name}`),
      ),
      link("usr/local/man", "share/man"),
      folder("var/mail", 0o2775, "root:mail"),
      folder("var/spool"),
      link("var/spool/mail", "../mail"),
      folder("run/lock", 0o1777),
      folder("var/log"),
      { kind: "file", path: "var/log/wtmp", text: "", mode: 0o664, owner: "root:utmp" },
      { kind: "file", path: "var/log/btmp", text: "", mode: 0o660, owner: "root:utmp" },
      { kind: "file", path: "var/log/lastlog", text: "", mode: 0o664, owner: "root:utmp" },
      link("etc/dpkg/origins/default", "debian"),
      copy("root/.profile", "usr/share/base-files/dot.profile"),
      copy("root/.bashrc", "usr/share/base-files/dot.bashrc"),
      copy("etc/profile", "usr/share/base-files/profile"),
      copy("etc/motd", "usr/share/base-files/motd"),
    ],
  },
  { packages: ["base-passwd"], why: "Makes passwd and group from the master files; accounts.ts does that." },
  {
    packages: ["ca-certificates"],
    why: "Makes the bundle of trusted certificates; certificates.ts does that.",
  },
  {
    packages: ["tzdata"],
    why: "Sets the time zone of debconf's answer; without an answer the time zone is UTC.",
    paths: [
      link("etc/localtime", "/usr/share/zoneinfo/Etc/UTC"),
      { kind: "file", path: "etc/timezone", text: "Etc/UTC\n" },
    ],
  },
  {
    packages: ["netbase"],
    why: "Makes hosts and networks.",
    paths: [
      {
        kind: "file",
        path: "etc/hosts",
        text: "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n",
      },
      {
        kind: "file",
        path: "etc/networks",
        text: "default\t\t0.0.0.0\nloopback\t127.0.0.0\nlink-local\t169.254.0.0\n",
      },
    ],
  },
  {
    packages: ["libc-bin"],
    why: "Makes nsswitch.conf. The cache of ldconfig is speed only: the loader searches its own folders itself.",
    paths: [copy("etc/nsswitch.conf", "usr/share/libc-bin/nsswitch.conf")],
  },
  {
    packages: ["libc6"],
    why: "Checks the running kernel and restarts services after an upgrade.",
  },
  {
    packages: ["bash"],
    why: "Makes /bin/sh if it is missing.",
    paths: [link("usr/bin/sh", "bash")],
  },
  {
    packages: ["dash"],
    why: "Takes /bin/sh over from bash through a diversion; the package brings the link itself.",
    paths: [link("usr/bin/sh", "dash")],
  },
  { packages: ["coreutils"], why: "Links touch for old systems with two bin folders." },
  {
    packages: ["gawk", "original-awk"],
    why: "In addition to its alternatives, removes broken links of old versions.",
  },
  {
    packages: ["debianutils"],
    why: "Makes the list of login shells and the alternative for which.",
    paths: [copy("etc/shells", "usr/share/debianutils/shells"), link("usr/bin/which", "which.debianutils")],
  },
  {
    packages: ["readline-common"],
    why: "Makes the default inputrc.",
    paths: [copy("etc/inputrc", "usr/share/readline/inputrc")],
  },
  {
    packages: ["libreadline8t64"],
    why: "Diverts the libraries' old paths, which are the new ones in the merged /usr.",
  },
  {
    packages: ["openssl"],
    why: "Links /usr/lib/ssl where it does not exist; the package brings it.",
  },
  {
    packages: ["libgssapi-krb5-2", "libgcrypt20", "dmsetup", "git", "perl", "ruby", "procps"],
    why: "Clean up after old versions, or name alternatives that have one candidate.",
  },
  {
    packages: ["iproute2"],
    why: "Gives ip capabilities only if debconf's answer says so; the default is no.",
  },
  {
    packages: ["libpam-modules"],
    why: "Makes an empty list of old passwords.",
    paths: [
      { kind: "file", path: "etc/security/opasswd", text: "", mode: 0o600 },
      { kind: "file", path: "etc/environment", text: "" },
    ],
  },
  {
    packages: ["libglib2.0-0"],
    why: "Compiles desktop settings and lists plug-ins of gio, which looks for them itself when there is no list.",
  },
  { packages: ["util-linux"], why: "Names more as a pager, one of several." },
  {
    packages: ["javascript-common"],
    why: "Configures web servers to serve JavaScript libraries, if debconf's answer says so.",
  },
  { packages: ["libpam0g"], why: "Restarts services after an upgrade." },
  {
    packages: ["libwrap0"],
    why: "Makes the empty access lists.",
    paths: [
      { kind: "file", path: "etc/hosts.allow", text: "" },
      { kind: "file", path: "etc/hosts.deny", text: "" },
    ],
  },
  {
    packages: ["nginx-common"],
    why: "Owns the logs, enables the default site, makes the default page.",
    paths: [
      folder("var/log/nginx", 0o755, "root:adm"),
      { kind: "file", path: "var/log/nginx/access.log", text: "", mode: 0o640, owner: "www-data:adm" },
      { kind: "file", path: "var/log/nginx/error.log", text: "", mode: 0o640, owner: "www-data:adm" },
      link("etc/nginx/sites-enabled/default", "/etc/nginx/sites-available/default"),
      copy("var/www/html/index.nginx-debian.html", "usr/share/nginx/html/index.html"),
    ],
  },
  {
    packages: ["nginx", "nginx-core", "nginx-extras", "nginx-light"],
    why: "Starts the server when port 80 is free.",
  },
  {
    packages: ["redis-tools"],
    why: "Makes the user and its folders.",
    users: [{ name: "redis", home: "/var/lib/redis" }],
    paths: [
      folder("var/log/redis", 0o2750, "redis:adm"),
      folder("var/lib/redis", 0o750, "redis:redis"),
      folder("etc/redis", 0o2770, "redis:redis"),
    ],
  },
  {
    packages: ["redis-server"],
    why: "Lets only redis read its configuration, which may hold a password.",
    paths: [{ kind: "owner", path: "etc/redis/redis.conf", mode: 0o640, owner: "redis:redis" }],
  },
  {
    packages: ["haproxy"],
    why: "Makes the user; the folder for its log socket comes with the package.",
    users: [{ name: "haproxy", home: "/var/lib/haproxy" }],
  },
  {
    packages: ["memcached"],
    why: "Makes the user and the default configuration.",
    users: [{ name: "memcache", home: "/nonexistent" }],
    paths: [copy("etc/memcached.conf", "usr/share/memcached/memcached.conf.default")],
  },
  {
    packages: ["prometheus"],
    why: "Makes the user and gives it the database's folder.",
    users: [{ name: "prometheus", home: "/var/lib/prometheus" }],
    paths: [folder("var/lib/prometheus/metrics2", 0o755, "prometheus:prometheus")],
  },
  {
    packages: ["gunicorn"],
    why: "Makes the folder for logs.",
    paths: [folder("var/log/gunicorn", 0o755, "www-data:www-data")],
  },
  {
    packages: ["python3"],
    why: "Compiles the modules to bytecode, which is speed only, and makes the configuration for that.",
    paths: [
      {
        kind: "file",
        path: "etc/python3/debian_config",
        text: "[DEFAULT]\n# how to byte-compile (comma separated: standard, optimize)\nbyte-compile = standard\n",
      },
    ],
  },
  {
    packages: [
      ...["python3-distutils", "python3-lib2to3", "python3-minimal"],
      ...["libpython3.*-minimal", "python3.*", "python3.*-minimal"],
    ],
    why: "Compile the modules to bytecode: speed of the first import only. Python skips local folders that do not exist.",
  },
  {
    packages: ["erlang-base"],
    why: "Makes the user of epmd, and looks for services that wait to be started.",
    users: [{ name: "epmd", home: "/run/epmd" }],
  },
  {
    packages: ["locales"],
    why: "Generates the locales of debconf's answer, which is none.",
    paths: [
      {
        kind: "file",
        path: "etc/locale.gen",
        text: "# Locales to generate, one a line, as /usr/share/i18n/SUPPORTED lists them.\n",
      },
      { kind: "file", path: "etc/default/locale", text: "#  File generated by update-locale\n" },
    ],
  },
  {
    packages: ["fontconfig-config"],
    why: "Chooses how fonts are drawn; these are the defaults.",
    paths: [
      link(
        "etc/fonts/conf.d/10-hinting-slight.conf",
        "/usr/share/fontconfig/conf.avail/10-hinting-slight.conf",
      ),
      link(
        "etc/fonts/conf.d/11-lcdfilter-default.conf",
        "/usr/share/fontconfig/conf.avail/11-lcdfilter-default.conf",
      ),
    ],
  },
  {
    packages: ["java-common"],
    why: "Makes the folder of system-wide preferences.",
    paths: javaPreferences(),
  },
  {
    packages: ["openjdk-*-jre-headless"],
    why: "Makes the folder of system-wide preferences and links the programs into /usr/bin.",
    paths: [
      ...javaPreferences(),
      {
        kind: "link-each",
        path: "usr/bin",
        pattern: /^usr\/lib\/jvm\/java-[^/]+-openjdk-[^/]+\/bin\/[^/]+$/,
      },
    ],
  },
  {
    packages: ["ca-certificates-java"],
    why: "Makes Java's store of trusted certificates; certificates.ts does that.",
  },
];

function folder(path: string, mode = 0o755, owner = "root:root") {
  return { kind: "folder", path, mode, owner } as const;
}

function link(path: string, to: string) {
  return { kind: "link", path, to } as const;
}

function copy(path: string, from: string) {
  return { kind: "copy", path, from } as const;
}

function javaPreferences() {
  return [
    folder("etc/.java"),
    folder("etc/.java/.systemPrefs"),
    { kind: "file", path: "etc/.java/.systemPrefs/.system.lock", text: "" },
    { kind: "file", path: "etc/.java/.systemPrefs/.systemRootModFile", text: "" },
  ] as const;
}
