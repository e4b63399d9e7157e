import type { Notes } from "../compose/notes.ts";
import type { YamlTree } from "../yaml/tree.ts";

/** Keys that other parts read, and those that have the same effect in Kiln without a key. */
const read = new Set([
  ...["service", "image", "servers", "proxy", "env", "volumes", "builder", "accessories", "primary_role"],
  ...[
    "deploy_timeout",
    "drain_timeout",
    "registry",
    "minimum_version",
    "retain_containers",
    "allow_empty_roles",
  ],
  ...["secrets_path", "labels", "logging", "run_directory", "stop_wait_time"],
]);

const hints: Readonly<Record<string, string>> = {
  aliases: "`kiln logs`, `kiln exec` and `kiln job run` do what most of them are for.",
  asset_path:
    "Files of an older release are gone when its servers are: let a CDN serve assets, or let the program keep them in a volume.",
  boot: "`rollout` says how many servers are replaced at a time.",
  error_pages_path: "`traffic.maintenance` names a page that is shown while there is no server.",
  hooks_path: "Write what has to run before or after a rollout as `jobs.before` and `jobs.after`.",
  readiness_delay: "`health.http` says when a server is ready.",
  require_destination: "Write what differs as `environments`, and name one with `--env`.",
  ssh: "Kiln works on the machine that it runs on; `kiln target add` names other places.",
  sshkit: "Kiln works on the machine that it runs on; `kiln target add` names other places.",
};

export function reportTopLevel(root: YamlTree, notes: Notes): void {
  report(root, "", read, hints, notes);
}

const builderKeys = new Set(["context", "dockerfile", "target", "args", "secrets", "ssh"]);
const builderHints: Readonly<Record<string, string>> = {
  arch: "An image is built for the machine that builds it.",
  remote: "Images are built where `kiln deploy` runs.",
  cache: "Kiln keeps its own cache.",
};

export function reportBuilder(builder: YamlTree | undefined, notes: Notes): void {
  report(builder, "builder.", builderKeys, builderHints, notes);
}

const proxyKeys = new Set([
  "ssl",
  "host",
  "hosts",
  "app_port",
  "healthcheck",
  "path_prefix",
  "path_prefixes",
]);
const proxyHints: Readonly<Record<string, string>> = {
  forward_headers: "`traffic.trustedProxies` names proxies whose headers are believed.",
  response_timeout: "Kiln's router waits as long as docs/router.md says.",
  ssl_redirect: "Write `traffic.redirect`.",
  strip_path_prefix: "Write `traffic.stripPrefix`.",
  logging: "`kiln logs` shows what servers write.",
};

export function reportProxy(proxy: YamlTree | undefined, notes: Notes): void {
  report(proxy, "proxy.", proxyKeys, proxyHints, notes);
}

const optionKeys = new Set(["memory", "cpus", "publish", "volume", "user"]);

export function reportOptions(options: YamlTree | undefined, notes: Notes): void {
  report(options, "options.", optionKeys, {}, notes);
}

function report(
  tree: YamlTree | undefined,
  prefix: string,
  known: ReadonlySet<string>,
  words: Readonly<Record<string, string>>,
  notes: Notes,
): void {
  if (tree?.kind !== "map") return;
  for (const [key, { keyOffset }] of tree.entries)
    if (!known.has(key) && !key.startsWith("x-"))
      notes.remark(
        { offset: keyOffset },
        `\`${prefix}${key}\` is not taken over.`,
        (Object.hasOwn(words, key) ? words[key] : undefined) ??
          "docs/kiln-yaml.md lists the keys that there are.",
      );
}
