import { join } from "node:path";
import { z } from "zod";
import type { ImageDigest } from "../domain/ids.ts";
import type { Target, TargetName } from "../domain/target.ts";
import { startDriftWatch } from "../drift/drift-watch.ts";
import { probeDrift } from "../drift/probe-drift.ts";
import type { Logger } from "../lib/log.ts";
import { type StateFolder, stateOfTarget } from "../lib/state-folder.ts";
import type { Clock } from "../lib/time/clock.ts";
import { datagramRouter } from "../router/datagrams/datagram-router.ts";
import { haproxyRouter } from "../router/haproxy/haproxy-router.ts";
import { jointRouter } from "../router/joint-router.ts";
import type { Router } from "../router/router.ts";
import type { Call } from "./contract/call.ts";
import type { DriftSource } from "./contract/drift-source.ts";
import type { EvidenceKeeper } from "./contract/evidence.ts";
import type { ImagePacker, ImagePusher, ImageSource } from "./contract/images.ts";
import type { Platform } from "./contract/platform.ts";
import type { Readiness } from "./contract/readiness.ts";
import type { ConfigSource, MachineSource, SecretSource } from "./contract/sources.ts";
import { createFleet } from "./fleet/fleet.ts";
import { networkProber } from "./fleet/health/network-prober.ts";
import { localHost } from "./local/local-host.ts";
import { bridgeName } from "./local/network/commands.ts";

/** What the composition root gives to every platform. */
export interface Surroundings {
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly images: ImageSource & ImagePacker & ImagePusher;
  readonly machines: MachineSource;
  /** Throws when no server of this image may be started any more. */
  readonly requireStartable: (image: ImageDigest) => void;
  readonly secrets: SecretSource;
  readonly configs: ConfigSource;
  /** Absent: none is kept. */
  readonly evidence?: EvidenceKeeper | undefined;
}

/** A platform at work on one target. Disposing of it ends its timers; servers keep running. */
export interface OpenedTarget extends AsyncDisposable {
  readonly platform: Platform;
  /** As the platform's own, with what only a trial shows and a running controller need not repeat. */
  probe(call: Call): Promise<Readiness>;
  /** Starts what looks for drift. Absent: servers are not inspected. */
  readonly watchDrift?: () => DriftSource;
}

/** A kind of place, as Kiln knows it. */
export interface PlatformKind<Options extends z.ZodObject = z.ZodObject> {
  /** One sentence, for a person who chooses. */
  readonly summary: string;
  /** `kiln target add --option NAME=VALUE`: each value is a text. Their descriptions are shown when one is wrong. */
  readonly options: Options;
  /** The name of the only target that there can be. Absent: there can be any number. */
  readonly only?: TargetName;
  /** Contacts nothing: a target that is down shows that in its probe and observations. */
  open(
    around: Surroundings,
    target: Target,
    options: z.output<Options>,
  ): OpenedTarget | Promise<OpenedTarget>;
}

const dockerOptions = z.strictObject({
  socket: z
    .string()
    .regex(/^\/.{1,106}$/, "expected the absolute path of a Unix socket")
    .default("/var/run/docker.sock")
    .describe("The engine's Unix socket; /var/run/docker.sock by default."),
});

const kubernetesOptions = z.strictObject({
  kubeconfig: z
    .string()
    .regex(/^\//, "expected the absolute path of a kubeconfig")
    .optional()
    .describe(
      "The kubeconfig that the controller uses: an absolute path; in a pod, its service account by default.",
    ),
  context: z.string().min(1).optional().describe("A context of it; the current one by default."),
  namespace: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "expected the name of a namespace")
    .optional()
    .describe("Where everything of the target is; the context's own by default."),
  registry: z
    .string()
    .regex(/^(http:\/\/)?[^/\s@]+(\/[a-z0-9._/-]+)?$/, "expected a registry, such as registry.example/team")
    .describe("Where images are pushed to and nodes pull them from, such as registry.example/team."),
  "pull-secret": z
    .string()
    .min(1)
    .optional()
    .describe("A Secret of the namespace with which nodes log in to the registry."),
  expose: z
    .enum(["ClusterIP", "NodePort", "LoadBalancer"])
    .default("ClusterIP")
    .describe("The type of Services; ClusterIP by default, which only the cluster reaches."),
});

const terraformOptions = z.strictObject({
  module: z
    .string()
    .regex(/^\//, "expected the absolute path of a folder")
    .describe("The folder of the Terraform module that makes a group of servers: an absolute path."),
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/, "expected the name of a user of this machine")
    .default("nobody")
    .describe("The user that Terraform, and all that the module starts, runs as; `nobody` by default."),
  environment: z
    .string()
    .regex(/^\//, "expected the absolute path of a file")
    .optional()
    .describe("A file with NAME=value lines, such as credentials, for Terraform alone: an absolute path."),
  registry: kubernetesOptions.shape.registry
    .optional()
    .describe("Where images are pushed to and servers pull them from, such as registry.example/team."),
  refresh: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, "expected a whole number of minutes")
    .default("5")
    .describe("Minutes between two looks for changes by others; 5 by default."),
});

/** Every platform, one line each. What one of them alone needs is imported by its `open`, when a target of it is opened. */
export const registry: Readonly<Record<string, PlatformKind>> = {
  docker: {
    summary: "containers of a Docker engine on this machine",
    options: dockerOptions,
    open: openDocker,
  },
  kubernetes: {
    summary: "pods of a Kubernetes cluster",
    options: kubernetesOptions,
    open: openKubernetes,
  },
  local: { summary: "servers on this machine", options: z.strictObject({}), only: "local", open: openLocal },
  terraform: {
    summary: "servers that a Terraform module makes",
    options: terraformOptions,
    open: openTerraform,
  },
  vm: { summary: "virtual machines on this machine", options: z.strictObject({}), open: openVm },
};

function openLocal({ state, clock, log, ...sources }: Surroundings): OpenedTarget {
  const host = localHost({ state, clock, log, ...sources });
  const { secrets } = sources;
  const router = bridgeRouter({ state, clock, log, secrets });
  const { requireStartable } = sources;
  const platform = createFleet({ host, router, clock, prober: networkProber(), log, requireStartable });
  return {
    platform,
    probe: async (call) => {
      const readiness = await platform.probe(call);
      if (readiness.integrity === undefined) return readiness;
      return { ...readiness, integrity: await probeDrift(state.tag, readiness.integrity.facts) };
    },
    watchDrift: () => startDriftWatch({ inspector: host.inspector, tag: state.tag, clock, log }),
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
}

/** For servers on a bridge of Kiln's own. */
function bridgeRouter({
  state,
  clock,
  log,
  secrets,
}: Pick<Surroundings, "state" | "clock" | "log" | "secrets">): Router {
  return jointRouter(
    haproxyRouter({ state, clock, log, secret: secrets.newest }),
    datagramRouter({ bridge: bridgeName(state.tag), record: `${state.router}.udp.json`, clock, log }),
  );
}

async function openVm(
  { state, clock, log, ...sources }: Surroundings,
  { name }: Target,
): Promise<OpenedTarget> {
  const { stateOfMachines, vmHost } = await import("./vm/vm-host.ts");
  const host = vmHost({ state, target: name, clock, log, ...sources });
  const own = stateOfMachines(state, name);
  const router = bridgeRouter({ state: own, clock, log, secrets: sources.secrets });
  const { requireStartable } = sources;
  const platform = createFleet({ host, router, clock, prober: networkProber(), log, requireStartable });
  return {
    platform,
    probe: (call) => platform.probe(call),
    watchDrift: () => startDriftWatch({ inspector: host.inspector, tag: own.tag, clock, log }),
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
}

async function openDocker(
  { state, clock, log, ...sources }: Surroundings,
  { name }: Target,
  { socket }: z.output<typeof dockerOptions>,
): Promise<OpenedTarget> {
  const { dockerHost } = await import("./docker/docker-host.ts");
  const tag = `${state.tag}-${name}`;
  const host = dockerHost({ state, target: name, socket, clock, log, ...sources });
  const router = haproxyRouter({
    ...{ state: stateOfTarget(state, name), clock, log },
    secret: sources.secrets.newest,
  });
  const { requireStartable } = sources;
  const platform = createFleet({ host, router, clock, prober: networkProber(), log, requireStartable });
  return {
    platform,
    probe: (call) => platform.probe(call),
    watchDrift: () => host.watchDrift(startDriftWatch({ inspector: host.inspector, tag, clock, log })),
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
}

async function openKubernetes(
  { state, clock, log, images, secrets, configs, evidence }: Surroundings,
  { name }: Target,
  options: z.output<typeof kubernetesOptions>,
): Promise<OpenedTarget> {
  const opener = await import("./kubernetes/open.ts");
  const owner = { tag: state.tag, target: name };
  const { platform, watchDrift } = opener.openKubernetes({
    ...{ owner, options, clock, log, images, secrets, configs, evidence },
    sessions: join(state.targets, name, "sessions"),
  });
  return {
    platform,
    probe: (call) => platform.probe(call),
    watchDrift,
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
}

async function openTerraform(
  { state, clock, log, images, secrets, requireStartable }: Surroundings,
  { name }: Target,
  options: z.output<typeof terraformOptions>,
): Promise<OpenedTarget> {
  const opener = await import("./terraform/open.ts");
  const router = haproxyRouter({ state: stateOfTarget(state, name), clock, log, secret: secrets.newest });
  const opened = opener.openTerraform({
    ...{ state, target: name, options, router, images, clock, log, requireStartable },
  });
  const { platform, watchDrift } = opened;
  return {
    platform,
    probe: (call) => platform.probe(call),
    watchDrift,
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
}
