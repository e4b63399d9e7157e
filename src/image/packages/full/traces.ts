import type { TarEntry, TarTree } from "../../tar/entry.ts";
import { withoutDocumentation } from "../layout.ts";

/** What differs from one installation of the same packages to the next, or between machines, and what no server reads. */
const traces: readonly RegExp[] = [
  /(^|\/)__pycache__(\/|$)/,
  /^(dev|proc|sys|tmp)\/./,
  /^etc\/(machine-id|apt\/sources\.list)$/,
  /^etc\/(passwd|group|shadow|gshadow|subuid|subgid)-$/,
  /^var\/cache\/(apt|debconf|fontconfig|ldconfig|man)\/./,
  /^var\/lib\/apt\/./,
  /^var\/lib\/dbus\/machine-id$/,
  /^var\/lib\/dpkg\/.*-old$/,
  /^var\/lib\/systemd\/(catalog|random-seed|credential\.secret)(\/|$)/,
  /^var\/log\/(apt(\/|$)|(alternatives|bootstrap|dpkg|fontconfig)\.log$)/,
];

/** Keys, identities and databases that a script makes at random: every server of every image would share them. A folder in it stays, empty. */
const generated: readonly RegExp[] = [
  /^etc\/bind\/rndc\.key$/,
  /^etc\/munge\/munge\.key$/,
  /^etc\/ssh\/ssh_host_[a-z0-9]+_key(\.pub)?$/,
  /^etc\/ssl\/certs\/ssl-cert-snakeoil\.pem$/,
  /^etc\/ssl\/private\/ssl-cert-snakeoil\.key$/,
  /^etc\/unbound\/unbound_(control|server)\.(key|pem)$/,
  /^var\/lib\/(ldap|mysql)\/./,
  /^var\/lib\/postgresql\/[0-9]+\/main\/./,
  /^var\/lib\/rabbitmq\/\.erlang\.cookie$/,
];

export interface Settled {
  readonly tree: TarTree;
  /** What was left out and is missed by programs that expect it, as a person would name it: a folder for all that is below it. */
  readonly generated: readonly string[];
}

/** An installed root without documentation, and without what would be another with the next installation. Pure. */
export function withoutTraces(installed: TarTree): Settled {
  const left = withoutDocumentation(installed);
  const secret = [...left.keys()].filter((path) => matches(generated, path));
  const gone = new Set([...secret, ...[...left.keys()].filter((path) => matches(traces, path))]);
  for (const entry of left.values()) {
    if (entry.type === "symlink" && /^etc\/ssl\/certs\/[0-9a-f]{8}\.\d+$/.test(entry.path)) {
      if (gone.has(`etc/ssl/certs/${entry.link}`)) gone.add(entry.path);
    }
  }
  const kept = [...left].filter(([path]) => !gone.has(path));
  return {
    tree: new Map([...kept, ...mountPoints(left)].map(([path, entry]) => [path, entry])),
    generated: [...new Set(secret.map(named))],
  };
}

function matches(patterns: readonly RegExp[], path: string): boolean {
  return patterns.some((pattern) => pattern.test(path));
}

function named(path: string): string {
  return `/${/^var\/lib\/(?:ldap|mysql|postgresql\/[0-9]+\/main)/.exec(path)?.[0] ?? path}`;
}

/** Files that the host puts over these in each server: empty, and not of the machine that built. */
function mountPoints(tree: TarTree): readonly (readonly [string, TarEntry])[] {
  const mtime = Math.max(0, ...[...tree.values()].map((entry) => entry.mtime));
  return ["hostname", "resolv.conf"].map((name) => {
    const path = `etc/${name}`;
    const content = { kind: "bytes", bytes: new Uint8Array() } as const;
    return [path, { path, type: "file", mode: 0o644, uid: 0, gid: 0, mtime, content }];
  });
}
