import type { MapEntry } from "../../yaml/tree.ts";
import type { Notes } from "../notes.ts";

/** Keys of a service that other parts read. */
const read = new Set([
  ...[
    "image",
    "build",
    "command",
    "entrypoint",
    "environment",
    "env_file",
    "ports",
    "expose",
    "volumes",
    "tmpfs",
  ],
  ...[
    "configs",
    "secrets",
    "healthcheck",
    "depends_on",
    "deploy",
    "scale",
    "restart",
    "ulimits",
    "stop_signal",
  ],
  ...["stop_grace_period", "init", "shm_size", "user", "mem_limit", "cpus"],
]);

/** What has the same effect in Kiln, without a key: servers are read-only, have no more rights, and write their logs to Kiln. */
const same = new Set(["read_only", "pull_policy", "tty", "stdin_open", "attach", "annotations", "cap_drop"]);

interface Words {
  readonly lack: string;
  readonly hint: string;
}

const rights: Words = {
  lack: "gives rights that no server of Kiln has",
  hint: "Run what needs them outside Kiln; a program that needs no rights but asks for them runs without.",
};
const devices: Words = {
  lack: "is not taken over",
  hint: "Write `servers.devices: [/dev/NAME]`, and allow each on the machine: `kiln access allow /dev/NAME`.",
};
const names: Words = {
  lack: "gives names that only Compose's network knows",
  hint: "Write the address of this machine and the port of the other service's `traffic.listen`.",
};

const resolver: Words = {
  lack: "is not taken over",
  hint: "Servers look up names as the machine does (/etc/resolv.conf).",
};
const ownName: Words = { lack: "is not taken over", hint: "A server's host name is its own." };

const others: Readonly<Record<string, Words>> = {
  ...{ privileged: rights, cap_add: rights, device_cgroup_rules: rights, gpus: rights },
  ...{ pid: rights, ipc: rights, uts: rights, userns_mode: rights, cgroup: rights, cgroup_parent: rights },
  ...{ links: names, external_links: names, extra_hosts: names, networks: names },
  ...{ dns: resolver, dns_search: resolver, dns_opt: resolver, hostname: ownName, domainname: ownName },
  devices,
  network_mode: {
    lack: "shares a network",
    hint: "A server has a network of its own, and clients reach it by `traffic`.",
  },
  security_opt: {
    lack: "is not taken over",
    hint: "A server has no new privileges and Kiln's own list of refused system calls.",
  },
  sysctls: { lack: "is not taken over", hint: "Set what the machine shares with sysctl(8) on the machine." },
  container_name: { lack: "is not taken over", hint: "Servers have names of Kiln's own, such as web-1-1-1." },
  labels: {
    lack: "is not taken over",
    hint: "For a proxy's rules write `traffic.host` and `traffic.paths`; labels of the image are `image.labels`.",
  },
  logging: { lack: "is not taken over", hint: "`kiln logs` shows what servers write." },
  working_dir: {
    lack: "has no counterpart in kiln.yaml",
    hint: "Set WORKDIR in the image, or write full paths in `image.command`.",
  },
  group_add: { lack: "has no counterpart in kiln.yaml", hint: "Write `image.users` with `groups`." },
  profiles: {
    lack: "has no counterpart in kiln.yaml",
    hint: "Deploy the services that you want: `kiln deploy SERVICE`.",
  },
  platform: { lack: "is not taken over", hint: "An image is built for the machine that builds it." },
  extends: { lack: "is not followed", hint: "Run `docker compose config > one.yml`, and name that file." },
  develop: {
    lack: "changes running containers",
    hint: "A server is never changed: `kiln deploy` replaces it.",
  },
  post_start: {
    lack: "runs commands in servers",
    hint: "Write `jobs.after`, which runs once for each deploy.",
  },
  pre_stop: {
    lack: "runs commands in servers",
    hint: "Let the program do it when it gets `servers.stop.signal`.",
  },
  mem_reservation: {
    lack: "is not taken over",
    hint: "Kiln limits memory (`servers.memory`) and reserves none.",
  },
  memswap_limit: { lack: "is not taken over", hint: "Servers with `servers.memory` have no swap." },
  pids_limit: { lack: "is not taken over", hint: "A server may have 1024 processes." },
};

/** Every key that no part reads is reported. */
export function reportOthers(service: ReadonlyMap<string, MapEntry>, notes: Notes): void {
  for (const [key, { value, keyOffset }] of service) {
    if (read.has(key) || same.has(key) || key.startsWith("x-")) continue;
    const { lack, hint } = others[key] ?? unknown;
    notes.remark({ offset: keyOffset ?? value.offset }, `\`${key}\` ${lack}.`, hint);
  }
}

const unknown: Words = {
  lack: "has no counterpart in kiln.yaml",
  hint: "docs/kiln-yaml.md lists the keys that there are.",
};
