/**
 * The composition root: the only place that knows every implementation. Started as a process of its own by the CLI or
 * by systemd; `probe` as its argument prints what this machine can do and ends. A command that starts it says `--json`: then
 * a fault is printed as JSON; `--replace`: it takes the place of the running controller. `--metrics ADDRESS` also serves
 * `/metrics` there; `--setup FILE` says what it has from the start.
 */
import { chmod, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { createAccess } from "./access/access.ts";
import { sourceGuard } from "./access/source-guard.ts";
import type { Metering } from "./api/routes/metrics.ts";
import { commandArgv, commandEnv } from "./cli/local-controller/command-line.ts";
import { errorLines } from "./cli/output/error-lines.ts";
import { createStyle } from "./cli/output/style.ts";
import { terminalJson, terminalText } from "./cli/output/terminal-text.ts";
import { startAuditor } from "./controller/audit/auditor.ts";
import { startController } from "./controller/controller.ts";
import { createFigures } from "./controller/figures/figures.ts";
import { createImageOperations, recordReceived } from "./controller/images/operations.ts";
import { createImageReleasing } from "./controller/images/releasing-images.ts";
import { requireNotRevoked } from "./controller/images/revocations.ts";
import { Meter } from "./controller/metrics/meter.ts";
import { createScrape } from "./controller/metrics/scrape.ts";
import type { Operations } from "./controller/operations.ts";
import { type CommitDeploys, deployCommit } from "./controller/sources/deploy-commit.ts";
import { startSources } from "./controller/sources/operations.ts";
import type { Platforms } from "./controller/targets/operations.ts";
import { addTargetsOf, listenAs, readSetup } from "./controller/targets/setup.ts";
import type { OpenTarget } from "./controller/targets/site.ts";
import { startWebhooks } from "./controller/webhooks/operations.ts";
import { post } from "./controller/webhooks/post.ts";
import type { Actor } from "./domain/access/actor.ts";
import { localTarget, type Target } from "./domain/target.ts";
import { openEvidence } from "./drift/evidence/evidence.ts";
import {
  createDistribution,
  type Distribution,
  type ReceivedImage,
} from "./image/distribution/distribution.ts";
import { machineParts } from "./image/machine/machine-parts.ts";
import { imageSource } from "./image/store/image-source.ts";
import { imageStore } from "./image/store/image-store.ts";
import { basesIn, listImages, requireVersion, resolveImage } from "./image/store/images.ts";
import { imagePusher } from "./image/transfer/image-pusher.ts";
import { readCode } from "./lib/code.ts";
import { errorToJson, toKilnError } from "./lib/errors.ts";
import { type Logger, openLog, silentLog } from "./lib/log.ts";
import { parseLoopback } from "./lib/loopback.ts";
import { readHolder, type Starter } from "./lib/process/holder.ts";
import { ensureStateFolder, openStateFolder, type StateFolder } from "./lib/state-folder.ts";
import { systemClock } from "./lib/time/clock.ts";
import { steadyClock } from "./lib/time/steady-clock.ts";
import { version } from "./lib/version.ts";
import type { EvidenceKeeper } from "./platform/contract/evidence.ts";
import { openTarget, requireValid } from "./platform/open-target.ts";
import { registry, type Surroundings } from "./platform/registry.ts";
import { absentPlatform, unopenedPlatform } from "./platform/unopened.ts";
import { holdState } from "./store/sqlite/lock.ts";
import { requireKnownVersion } from "./store/sqlite/migrations.ts";
import { openStore, type Store } from "./store/store.ts";
import { signersAmong } from "./trust/signing/verify.ts";
import { Scanner } from "./trust/vulnerabilities/scanner.ts";

/** The command that started this process reads why it ended from its log. */
const byCommand = process.argv.includes("--json");

/** Everything in this process goes by it. */
const clock = steadyClock(systemClock);

/** Without a store nothing can be made: that is enough to probe. */
function surroundings(
  state: StateFolder,
  log: Logger,
  store?: Store,
  evidence?: EvidenceKeeper,
): Surroundings {
  return {
    ...{ state, clock, log, evidence },
    images: { ...imageSource(state), ...imagePusher(state, clock) },
    machines: { parts: ({ signal }) => machineParts(state, signal) },
    requireStartable: (image) => {
      const bases = () => basesIn(state, image);
      if (store !== undefined) requireNotRevoked({ store, clock, images: { bases } }, image);
    },
    secrets: {
      newest: async (service, name) => store?.secrets.newest(service, name) ?? new Uint8Array(),
      open: async (service, secrets) => store?.secrets.open(service, secrets) ?? new Map(),
    },
    configs: { open: async (digest) => store?.content(digest) ?? new Uint8Array() },
  };
}

async function probe(state: StateFolder): Promise<void> {
  const timeoutMs = 30_000;
  const opened = await openTarget(registry, surroundings(state, silentLog), localTarget);
  const signal = AbortSignal.timeout(timeoutMs);
  const readiness = await opened.probe({ signal, deadline: clock.now() + timeoutMs });
  process.stdout.write(`${JSON.stringify(readiness)}\n`);
}

async function run(state: StateFolder): Promise<void> {
  process.umask(0o077);
  const setup = await readSetup(argument("setup"));
  ensureStateFolder(state);
  const code = readCode();
  if (process.argv.includes("--replace")) await endFormer(state);
  using _lock = await holdState(state.controllerLock, { pid: process.pid, code, startedBy: starter() });
  // Of a pod, its output is what people can read.
  const log = openLog(setup === undefined ? state.controllerLog : 1);
  using store = openStore(state.database, { clock });
  const auditor = startAuditor({
    ...{ store, clock, log },
    ...{ keyPath: state.auditKey, checkpointPath: state.auditCheckpoint },
  });
  const evidence = openEvidence(state.evidence, clock);
  const around = surroundings(state, log, store, evidence);
  const platforms: Platforms = {
    requireValid: (target) => requireValid(registry, target),
    open: (target) =>
      setup?.local === false && target.name === localTarget.name
        ? Promise.resolve({ target, platform: absentPlatform(target) })
        : openSite(around, target),
  };
  if (setup !== undefined) addTargetsOf(setup, { store, platforms, log });
  const stopped = Promise.withResolvers<void>();
  const images = createImageOperations({ store, state, clock });
  const releasing = createImageReleasing({
    ...{ store, clock, images: { bases: (image) => basesIn(state, image) } },
    find: (service, imageVersion) => resolveImage(state, service, imageVersion),
  });
  const received = (image: ReceivedImage, actor: Actor) => recordReceived(store, image, actor);
  const distribution = createDistribution({ state, clock, received });
  const meter = new Meter();
  const installation = `${hostname()}-${state.tag}`;
  const controller = startController({
    store,
    meter,
    targets: await Promise.all(store.targets().map(platforms.open)),
    platforms,
    clock,
    log,
    evidence,
    images: {
      has: async (image) => (await listImages(state)).some((stored) => stored.digest === image),
      signers: (image, keys) => {
        const known = keys.map(({ keyId, publicKey }) => ({ id: keyId, pem: publicKey }));
        return signersAmong(imageStore(state), image, known);
      },
      bases: (image) => basesIn(state, image),
      scanner: new Scanner(state),
      requireVersion: (service, imageVersion, image) => requireVersion(state, service, imageVersion, image),
    },
    self: { pid: process.pid, version, home: state.home, installation },
    onShutdown: stopped.resolve,
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopped.resolve());
  const figures = createFigures({ store, clock, operations: { ...controller, ...images } });
  const webhooks = startWebhooks({ store, clock, log, post, installation });
  const sources = startSources({
    ...{ store, clock, log, folder: state.sources },
    deploy: (deployment) => deployCommit(commits, deployment),
  });
  const known = {
    ...{ ...controller, ...auditor, ...images, ...releasing, ...figures },
    ...{ ...webhooks.operations, ...sources.operations },
  };
  const access = createAccess({
    ...{ store, clock, log, folder: state.access, operations: known },
    look: sources.look,
    createApi: async (parts) => {
      const { createApi } = await import("./api/routes/routes.ts");
      return createApi(operations, log, { ...others, ...parts });
    },
  });
  const operations: Operations = { ...known, ...access.operations };
  const scrape = createScrape({ operations, store, meter, clock, commit: code.revision });
  const metering: Metering = { answer: (answered) => meter.answer(answered), scrape };
  const others = { exchange: distribution.exchange, metering };
  const commits: CommitDeploys = {
    createApi: async (deployment) => {
      const { createApi } = await import("./api/routes/routes.ts");
      return createApi(operations, log, { ...others, guard: sourceGuard(store, operations, deployment) });
    },
    ...{ argv: commandArgv, env: commandEnv(state.home) },
  };
  // First the network: an answer over the socket may say how others reach this controller.
  await access.start();
  if (setup !== undefined) await listenAs(setup, { store, operations });
  const api = await listen(operations, others, state, log);
  using _metrics = await openMetrics(metering, log);
  log.info({ pid: process.pid, version }, "the controller has started");
  await stopped.promise;
  await distribution[Symbol.asyncDispose]();
  await access.close();
  await api.close();
  await sources.close();
  await webhooks.close();
  await controller.close();
  await auditor.close();
  log.info("the controller has stopped");
}

/** One target that cannot be opened keeps no other one from its work: it shows why when it is asked something. */
async function openSite(around: Surroundings, target: Target): Promise<OpenTarget> {
  try {
    const opened = await openTarget(registry, around, target);
    const drift = opened.watchDrift?.();
    const close = async () => {
      await drift?.[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    };
    return { target, platform: opened.platform, drift, close };
  } catch (error) {
    around.log.error({ err: toKilnError(error), target: target.name }, "a target cannot be opened");
    return { target, platform: unopenedPlatform(target, toKilnError(error)) };
  }
}

/**
 * All that could keep this controller from taking its place is looked at first: its own code is loaded, and it knows the
 * database. So no installation is left without a controller.
 */
async function endFormer(state: StateFolder): Promise<void> {
  requireKnownVersion(state.database);
  const [former, { createClient }, { endController }] = await Promise.all([
    readHolder(state.controllerLock),
    import("./api/client/client.ts"),
    import("./cli/local-controller/stop.ts"),
    import("./api/routes/routes.ts"),
  ]);
  if (former === undefined) return;
  const client = createClient(state.controllerSocket);
  await endController(client, former.pid, { clock: systemClock, signal: new AbortController().signal });
}

/** systemd.exec(5): `$SYSTEMD_EXEC_PID` is the process that systemd itself has started. */
function starter(): Starter {
  if (byCommand) return "command";
  return process.env.SYSTEMD_EXEC_PID === `${process.pid}` ? "service" : "person";
}

/**
 * The lock is ours, so a socket that is still there belongs to no process. The API is loaded only now: what was begun before a
 * restart continues meanwhile.
 */
async function listen(
  operations: Operations,
  others: { readonly exchange: Distribution["exchange"]; readonly metering: Metering },
  state: StateFolder,
  log: Logger,
) {
  const { createApi } = await import("./api/routes/routes.ts");
  await rm(state.controllerSocket, { force: true });
  const api = createApi(operations, log, others);
  await api.listen({ path: state.controllerSocket });
  await chmod(state.controllerSocket, 0o600);
  return api;
}

/** The value of `--NAME VALUE`. */
function argument(name: "metrics" | "setup"): string | undefined {
  const value = parseArgs({ options: { [name]: { type: "string" } }, strict: false }).values[name];
  return typeof value === "string" ? value : undefined;
}

/** Where `--metrics` says, if it does. Servers need their controller more than anyone needs figures, so it runs without them. */
async function openMetrics({ scrape }: Metering, log: Logger): Promise<Disposable> {
  const asked = argument("metrics");
  if (asked === undefined) return { [Symbol.dispose]: () => {} };
  const { listenForMetrics } = await import("./api/routes/metrics.ts");
  try {
    const server = await listenForMetrics(parseLoopback(asked), scrape, log);
    return {
      [Symbol.dispose]: () => {
        server.close();
        server.closeAllConnections();
      },
    };
  } catch (error) {
    log.error({ err: toKilnError(error), address: asked }, "metrics cannot be served there");
    return { [Symbol.dispose]: () => {} };
  }
}

async function main(): Promise<void> {
  const state = openStateFolder(process.env);
  if (process.argv[2] === "probe") await probe(state);
  else await run(state);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const found = toKilnError(error, process.env.KILN_HOME);
    const lines = byCommand ? [JSON.stringify(errorToJson(found))] : errorLines(found, createStyle(false));
    process.stderr.write(`${lines.map(byCommand ? terminalJson : terminalText).join("\n")}\n`);
    process.exit(found.exitCode);
  },
);
