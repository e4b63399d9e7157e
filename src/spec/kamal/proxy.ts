import type { Notes } from "../compose/notes.ts";
import { given } from "../compose/service/process.ts";
import type { YamlTree } from "../yaml/tree.ts";
import { reportProxy } from "./other-keys.ts";
import { at } from "./trees.ts";

/** https://kamal-deploy.org/docs/configuration/proxy/ */
const defaults = { port: 80, path: "/up" };

export interface Proxied {
  readonly port: number;
  readonly health: Readonly<Record<string, string>>;
  readonly traffic: Readonly<Record<string, unknown>>;
}

/** What kamal-proxy does for a role: host names, certificates, the health check. */
export function proxiedBy(proxy: YamlTree | undefined, notes: Notes): Proxied {
  reportProxy(proxy, notes);
  const port = portOf(at(proxy, "app_port"), notes);
  const names = [...notes.texts(at(proxy, "hosts")), ...notes.texts(at(proxy, "host"))];
  const hosts = names.flatMap((each) => (notes.text(each) ?? "").split(",")).map((host) => host.trim());
  const known = hosts.filter((host) => host !== "");
  const prefixes = [...notes.texts(at(proxy, "path_prefixes")), ...notes.texts(at(proxy, "path_prefix"))];
  const paths = prefixes.flatMap((each) => (notes.text(each) ?? "").split(","));
  const ssl = at(proxy, "ssl");
  const isSecure = ssl?.kind === "map" || (ssl !== undefined && notes.isTrue(ssl));
  if (ssl?.kind === "map")
    notes.remark(
      ssl,
      "A certificate of one's own is named by its files in kiln.yaml.",
      "Write `traffic.tls` with `certificate` and `key` instead of `acme`.",
    );
  if (isSecure && known.length === 0 && proxy !== undefined)
    notes.remark(
      proxy,
      "A certificate needs a host name, and there is none: `traffic` is without `tls`.",
      "Write `traffic.host` and `traffic.tls`.",
    );
  const secure = isSecure && known.length > 0;
  return {
    port,
    health: healthOf(at(proxy, "healthcheck"), notes),
    traffic: {
      listen: secure ? 443 : 80,
      ...(known.length === 1 ? { host: known[0] } : known.length > 1 ? { hosts: known } : {}),
      ...(paths.length > 0 ? { paths } : {}),
      ...(secure ? { tls: { acme: {} } } : {}),
    },
  };
}

function portOf(tree: YamlTree | undefined, notes: Notes): number {
  const text = notes.text(tree);
  if (tree === undefined || text === undefined) return defaults.port;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  notes.error(tree, `\`${text}\` is not a port; expected a number from 1 to 65535.`);
  return defaults.port;
}

function healthOf(tree: YamlTree | undefined, notes: Notes): Proxied["health"] {
  return {
    http: notes.text(at(tree, "path")) ?? defaults.path,
    ...given("interval", secondsOf(at(tree, "interval"), notes)),
    ...given("timeout", secondsOf(at(tree, "timeout"), notes)),
  };
}

/** Kamal writes seconds, with or without their unit. */
export function secondsOf(tree: YamlTree | undefined, notes: Notes): string | undefined {
  const text = notes.text(tree, "a number of seconds");
  if (tree === undefined || text === undefined) return undefined;
  if (/^\d+s?$/.test(text)) return `${Number.parseInt(text, 10)}s`;
  notes.error(tree, `\`${text}\` is not a number of seconds; expected one such as 30.`);
  return undefined;
}
