import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { freePort } from "../../src/lib/testing.ts";
import { gitServer } from "../e2e/git-server.ts";
import { type Installation, install, type RunOptions, waitUntil, writeFiles } from "../e2e/harness.ts";
import { answerPath, type LittleService, littleService, setAnswer } from "../e2e/little-service.ts";

/** How long a state may take to come up, and how long one command may. */
const limitMs = 240_000;
const commandMs = 120_000;
const lookMs = 1_000;
const quick = 'echo "$REQUEST_METHOD $SCRIPT_NAME for $REMOTE_ADDR" >&2';
/** One of four requests fails. */
const failing = "[ $((RANDOM % 4)) -ne 0 ] || echo 'Status: 500 Internal Server Error'";
/** A busy machine may be slow and lose some, and few requests are enough there. */
const analysis = "analysis: { requests: 6, interval: 2s, errorRate: 10%, latency: 20 }";

/** An installation with a service in each state that the dashboard has to show. */
export interface Stage extends AsyncDisposable {
  readonly kiln: Installation;
  /** The rollout that holds at a step, and the one that was turned back. */
  readonly rollouts: { readonly search: number; readonly billing: number };
  /** The server that someone was in. */
  readonly touched: string;
}

/** Fails once the signal is aborted, with nothing left of it. */
export async function makeStage(signal: AbortSignal): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const kiln = guarded(stack.use(await install("/tmp", { drifts: true })), signal);
  const own = (work: Disposable | AsyncDisposable) => void stack.use(work);
  const people = await invitePeople(kiln);
  const searchHolds = await holdAtStep(kiln, people, own);
  const billingFails = await fail(kiln, people, own);
  const touched = await touch(kiln, people, own);
  await climb(kiln, people, own);
  await followBranch(kiln, own);
  const rollouts = { search: await searchHolds(), billing: await billingFails() };
  await setPolicies(kiln);
  const whole = stack.move();
  return { kiln, rollouts, touched, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

/** Its commands fail once the signal is aborted, and none runs for ever. Its disposal always runs. */
function guarded(kiln: Installation, signal: AbortSignal): Installation {
  const limited = (options: RunOptions = {}): RunOptions => {
    signal.throwIfAborted();
    return { timeoutMs: commandMs, ...options };
  };
  return {
    ...kiln,
    run: async (args, options) => kiln.run(args, limited(options)),
    ok: async (args, options) => kiln.ok(args, limited(options)),
    json: async (args, options) => kiln.json(args, limited(options)),
  };
}

type Own = (work: Disposable | AsyncDisposable) => void;
/** Environments of commands that people run on machines of their own. */
type People = Readonly<Record<"ada" | "grace", Readonly<Record<string, string>>>>;

/** Ada and Grace are logged in, Lin has an invite, and a pipeline is trusted. */
async function invitePeople(kiln: Installation): Promise<People> {
  await kiln.ok(["controller", "listen", "127.0.0.1:0"]);
  const invite = async (name: string, ...grant: readonly string[]) => {
    const env = {
      XDG_CONFIG_HOME: join(kiln.home, "..", `config-${name}`),
      KILN_HOME: join(kiln.home, "..", name),
    };
    const { login } = await kiln.json<{ readonly login: string }>(["access", "invite", name, ...grant]);
    return { env, login };
  };
  const ada = await invite("ada", "--role", "deployer");
  await kiln.ok(["login", ada.login], { env: ada.env });
  const grace = await invite("grace", "--role", "admin");
  await kiln.ok(["login", grace.login], { env: grace.env });
  await invite("lin", "--role", "viewer", "--environment", "production");
  const claims = ["--claim", "repository_id=74", "--claim", "environment=production"];
  const may = ["--role", "deployer", "--service", "shop", "--environment", "production"];
  await kiln.ok(["access", "trust", "add", "shop-ci", "--github", ...claims, ...may]);
  return { ada: ada.env, grace: grace.env };
}

/** A project under git, so that releases know their commits. */
async function projectOf(kiln: Installation, name: string, options: Options): Promise<LittleService> {
  const service = await littleService(kiln, name, { keepWarm: "1h", ...options });
  await exec(["git", "-C", service.folder, "init", "-q", "-b", "main"]);
  return service;
}
type Options = Parameters<typeof littleService>[2];

const person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"] as const;

/** Makes the version of a commit of its own, and what its servers do for each request. */
async function edit(service: LittleService, version: string, script: string) {
  await service.configure({ image: `version: ${version}` });
  await service.setPage(version);
  await setAnswer(service, script);
  const git = ["git", "-C", service.folder, ...person] as const;
  await exec([...git, "add", "--all"]);
  await exec([...git, "commit", "-q", "-m", `Version ${version}`]);
}

/** Asks evenly until it is disposed of. Each request is on its own connection, as of many clients. */
function requests(port: number, perSecond: number): Disposable {
  const ask = () =>
    fetch(`http://127.0.0.1:${port}${answerPath}`, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(10_000),
    })
      .then((answer) => answer.text())
      .catch(() => undefined);
  const timer = setInterval(ask, 1_000 / perSecond);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Each look is a process: not too many of them. */
async function statusOf(kiln: Installation, service: string): Promise<ServiceStatus | undefined> {
  await setTimeout(lookMs);
  return (await kiln.json<readonly ServiceStatus[]>(["status", service]))[0];
}

/** The rollout of the service that is under way. One that waits because requests are too few, as on a busy machine, goes on. */
async function underWay(kiln: Installation, service: string): Promise<ServiceStatus["rollout"]> {
  const now = (await statusOf(kiln, service))?.rollout;
  if (now?.phase === "paused") await kiln.run(["rollout", "resume", service, "--no-wait"]);
  return now;
}

/** The returned function waits until it holds at its last step, and returns its rollout. */
async function holdAtStep(kiln: Installation, people: People, own: Own): Promise<() => Promise<number>> {
  const shares = `{ share: 10%, hold: 20s, ${analysis} }, { share: 25%, hold: 15s, ${analysis} }, { share: 50%, hold: 2h, ${analysis} }`;
  const versions = ["7.2.0", "7.3.0"] as const;
  const id = await rollOut(kiln, "search", { ...people, shares, versions, script: quick }, own);
  const holds = async () => {
    const now = await underWay(kiln, "search");
    if (now === undefined) throw new Error(`Rollout ${id} of search ended before its last step.`);
    return now.step === 2 && now.verdict !== undefined;
  };
  return async () => {
    await waitUntil(holds, limitMs, "search holds at its third step");
    return id;
  };
}

/** The returned function waits until the rollout has failed, and returns it. */
async function fail(kiln: Installation, people: People, own: Own): Promise<() => Promise<number>> {
  const shares = `{ share: 25%, hold: 2h, ${analysis} }`;
  const versions = ["2.3.1", "2.4.0"] as const;
  const id = await rollOut(kiln, "billing", { ...people, shares, versions, script: failing }, own);
  const failed = async () => (await underWay(kiln, "billing")) === undefined;
  return async () => {
    await waitUntil(failed, limitMs, "the rollout of billing has failed");
    return id;
  };
}

interface Canary extends People {
  readonly shares: string;
  readonly versions: readonly [from: string, to: string];
  /** What the new servers do for each request. */
  readonly script: string;
}

/** Begins a canary between two versions, under requests; returns its id. */
async function rollOut(kiln: Installation, name: string, canary: Canary, own: Own): Promise<number> {
  const { ada, grace, shares, versions, script } = canary;
  const rollout = `, strategy: canary, progressDeadline: 3h, steps: [${shares}]`;
  const service = await projectOf(kiln, name, { rollout });
  await edit(service, versions[0], quick);
  await kiln.ok(["deploy"], { cwd: service.folder, env: grace });
  own(requests(service.port, 8));
  await edit(service, versions[1], script);
  await kiln.ok(["deploy", "--no-wait"], { cwd: service.folder, env: ada });
  const { rollouts } = await kiln.json<{ readonly rollouts: readonly { readonly id: number }[] }>([
    ...["history", name],
  ]);
  return Math.max(...rollouts.map(({ id }) => id));
}

/** Its name is long, for the views to show. */
export const touchedService = "customer-notifications-archive";

/** A process that comes into a server from outside: it is taken out, kept as evidence, and replaced. */
async function touch(kiln: Installation, { ada }: People, own: Own): Promise<string> {
  const archive = await projectOf(kiln, touchedService, {});
  await edit(archive, "1.9.2", quick);
  await kiln.ok(["deploy"], { cwd: archive.folder, env: ada });
  const server = (await statusOf(kiln, touchedService))?.servers[0]?.id ?? "";
  const argv = [`--root=${kiln.home}/servers/.host/runc`, "exec", server, "/bin/busybox", "sleep", "1000"];
  const intruder: ChildProcess = spawn("runc", argv, { stdio: "ignore" });
  own({
    [Symbol.asyncDispose]: async () => {
      if (intruder.exitCode === null && intruder.kill("SIGKILL")) await once(intruder, "exit");
    },
  });
  const replaced = async () => {
    const servers = (await statusOf(kiln, touchedService))?.servers ?? [];
    return servers.length === 2 && servers.every(({ id, state }) => id !== server && state === "ready");
  };
  await waitUntil(replaced, limitMs, "the server that someone was in is replaced");
  return server;
}

/** A ladder with a newer candidate at its foot. */
async function climb(kiln: Installation, { ada, grace }: People, own: Own): Promise<void> {
  const production = await freePort();
  const more = `ladder: [staging, production]
environments:
  staging: {}
  production: {servers: {count: 3}, traffic: {listen: ${production}}}`;
  const shop = await projectOf(kiln, "shop", { more });
  own(requests(shop.port, 3));
  own(requests(production, 3));
  await edit(shop, "4.2.0", quick);
  await kiln.ok(["deploy", "--env", "staging"], { cwd: shop.folder, env: ada });
  await kiln.ok(["promote", "shop", "--to", "production"], { cwd: shop.folder, env: grace });
  await edit(shop, "4.3.0", quick);
  await kiln.ok(["deploy", "--env", "staging"], { cwd: shop.folder, env: ada });
}

/** A service that follows a branch whose newest commit is broken. */
async function followBranch(kiln: Installation, own: Own): Promise<void> {
  const docs = await littleService(kiln, "docs");
  const repository = await gitServer(kiln, docs.folder);
  own(repository);
  await repository.push("First edition");
  await kiln.ok(["source", "add", "docs", "--git", repository.url, "--interval", "1h"]);
  await kiln.ok(["source", "sync", "docs"]);
  await kiln.ok(["wait", "docs"]);
  await writeFiles(docs.folder, { "kiln.yaml": "service: docs\nimage: {form: scratch}\n" });
  await repository.push("Shorten the build");
  await kiln.run(["source", "sync", "docs"]);
}

/** Business hours of another zone, a freeze that is announced, and one that holds. */
async function setPolicies(kiln: Installation): Promise<void> {
  const policies = `policies:
  production:
    reason: required
    windows:
      - allow: {days: mon-thu, from: "09:00", to: "16:00", zone: America/New_York}
      - allow: {days: fri, from: "09:00", to: "12:00", zone: America/New_York}
  "*":
    windows:
      - deny: {days: sun, zone: UTC}
`;
  const folder = await kiln.project({ "policy.yaml": policies });
  await kiln.ok(["policy", "set", "policy.yaml"], { cwd: folder });
  await kiln.ok(["freeze", "production", "--reason", "the books of the quarter are closed", "--for", "30h"]);
}
