import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { AcceptRequest, CheckRequest, DeployRequest, Operations } from "../controller/operations.ts";
import type { TrustedKey } from "../domain/admission.ts";
import type { Override, PolicyFile } from "../domain/policy/policy.ts";
import { draftOf } from "../domain/release.ts";
import { defaultUpkeep } from "../domain/spec.ts";
import { aFailure, aFinding, aPolicy, aRelease, aRollout, aTaint } from "../domain/testing.ts";
import { silentLog } from "../lib/log.ts";
import { createClient } from "./client.ts";
import type { Client } from "./contract-types.ts";
import { createApi } from "./routes.ts";
import { accessAnswers } from "./testing-access.ts";
import { webhookAnswers } from "./testing-webhooks.ts";

export function aDeployRequest(): DeployRequest {
  return {
    service: "shop",
    count: 3,
    draft: {
      ...draftOf(aRelease(1)),
      secrets: [
        { name: "DB_PASSWORD", delivery: { kind: "file", path: "/run/secrets/DB_PASSWORD" } },
        { name: "API_KEY", delivery: { kind: "env", variable: "TOKEN" } },
      ],
      files: [{ to: "/etc/app.conf", mode: 0o444, content: "aGVsbG8=" }],
    },
    policy: aPolicy(),
    upkeep: defaultUpkeep,
  };
}

export function aCheckRequest(): CheckRequest {
  const { service, draft } = aDeployRequest();
  const { image: _image, version: _version, ...unbuilt } = draft;
  return { service, draft: unbuilt, supersede: true };
}

export const anAcceptRequest: AcceptRequest = {
  ...{ breaks: ["0123456789abcdef".repeat(2)], first: 3, upTo: 9, reason: "A restored backup." },
};

export const stated = "ada@example.com";

/** What the fake operations answer, and what they were asked: one entry for each call, its name first. */
export interface FakeOperations {
  readonly operations: Operations;
  readonly calls: readonly (readonly unknown[])[];
}

/** Operations that answer with full values, except where others are given. */
export function fakeOperations(overrides: Partial<Operations> = {}): FakeOperations {
  const calls: unknown[][] = [];
  const plain = { ...answers, ...overrides };
  const operations = Object.fromEntries(
    Object.entries(plain).map(([name, answer]) => [
      name,
      (...args: unknown[]) => {
        calls.push([name, ...args]);
        return (answer as (...args: unknown[]) => unknown)(...args);
      },
    ]),
  ) as unknown as Operations;
  return { operations, calls };
}

const aSnapshot = { id: "s1", atMs: 2, reason: "asked" as const, release: 1, bytes: 8192 };

const accepted = {
  service: "shop",
  release: 2,
  rollout: 7,
  scaled: { from: 3, to: 5 },
  adopted: ["rollout.bake: 10s -> 2s"],
};

const evidence = {
  digest: `sha256:${"e".repeat(64)}`,
  ...{ server: "shop-1-1-1", release: 1, image: `sha256:${"1".repeat(64)}` },
  taint: { kind: "process", subject: "pid 4711", detail: "a shell", atMs: 1 },
  ...{ atMs: 2, bytes: 10_240, left: ["/tmp/large"] },
};

const { server: _, ...taint } = aTaint(1);

const status = {
  service: "shop",
  target: { name: "local", platform: "local", trouble: undefined },
  count: 3,
  serving: aRelease(1),
  rollout: aRollout({ reason: "because", movedAtMs: 4, endedAtMs: undefined }),
  addresses: ["http://localhost:8080"],
  preview: { release: 2, address: "http://localhost:8081" },
  warm: [{ release: 1, untilMs: 9 }],
  removing: false,
  servers: [
    {
      ...{ id: "shop-1-1-1", service: "shop", release: 1, version: "1.1.0", state: "ready" as const },
      ...{ sinceMs: 1, createdAtMs: 0, address: "10.0.0.1", inTraffic: true, health: "GET / answered 200" },
      taint: { ...taint, replacedBy: "shop-1-1-2" },
    },
  ],
  reproductions: [
    {
      ...{ id: "shop-2-1-1__copy", reproduces: "shop-2-1-1", service: "shop", release: 2, version: "1.2.0" },
      ...{ state: "running" as const, createdAtMs: 5, address: "10.0.0.9", reason: undefined },
    },
  ],
  shares: [{ release: 1, share: 1 }],
  jobs: [{ id: "shop-2-7_migrate", release: 2, rollout: 7, name: "migrate", state: "succeeded" as const }],
  failures: [aFailure()],
  trouble: undefined,
  warnings: [],
  vulnerabilities: undefined,
};

const target = {
  ...{ name: "north", platform: "fake", options: { url: "http://north" }, added: { atMs: 3, by: "ada" } },
  ...{ services: ["shop"], servers: 3 },
  trouble: { message: "It is down.", hint: "Wait.", sinceMs: 4 },
  warnings: [{ message: "A container is left.", hint: "Unmount it." }],
};

const trustedKey: TrustedKey = {
  ...{ name: "release", keyId: "0123456789abcdef", publicKey: "-----BEGIN PUBLIC KEY-----\n" },
  ...{ addedAtMs: 1, addedBy: "ada", revoked: undefined },
};

const policyFile: PolicyFile = {
  ...{ name: "policy.yaml", text: "policies: {}", setAtMs: 1, setBy: "ada" },
  rules: [
    { kind: "reason", environment: "*", line: 2 },
    {
      ...{ kind: "allow", environment: "production", line: 4 },
      window: { days: [1, 2], from: "09:00", to: "16:00", zone: "Europe/Berlin" },
    },
    {
      ...{ kind: "deny", environment: "production", line: 5 },
      window: { from: "2026-12-23 18:00", to: "2027-01-04 08:00", zone: "UTC" },
    },
  ],
};

const freeze = {
  ...{ id: 3, environment: "production", service: undefined, reason: "incident 12", by: "ada" },
  ...{ fromMs: 5, untilMs: 9 },
};

const override: Override = {
  ...{ rollout: 7, service: "shop", by: "ada", person: { id: "uid 1000", name: "ada" } },
  ...{ reason: "it burns", atMs: 5, against: ["ada has frozen production (freeze 3)"], review: undefined },
};

const revocation = { digest: `sha256:${"a".repeat(64)}`, atMs: 1, reason: "CVE-2026-1", by: "ada" };
const channel = {
  ...{ service: "shop", name: "stable", version: "1.4.2", digest: revocation.digest },
  ...{ setAtMs: 1, setBy: "ada" },
};

export const answers: Operations = {
  ...accessAnswers,
  ...webhookAnswers,
  check: async () => ({ commit: "ab".repeat(20) }),
  deploy: async () => accepted,
  plan: async () => ({
    service: "shop",
    target: "local",
    serving: aRelease(1),
    rollout: undefined,
    changes: ["image: one -> other"],
    actions: [
      { kind: "resize", service: "shop", release: 2, size: 3, reason: "it must" },
      { kind: "route", service: "shop", shares: [{ release: 2, share: 1 }], reason: "it is ready" },
      { kind: "preview", service: "shop", release: 2, reason: "it can be tried" },
      { kind: "destroy", service: "shop", server: "shop-9-1-1", reason: "its release is not known" },
      {
        kind: "record",
        service: "shop",
        change: { kind: "end", rollout: 7, phase: "complete", serving: 2, warm: [], atMs: 5 },
        reason: "done",
      },
    ],
    peakServers: 4,
    fewestInTraffic: 3,
    data: ["volume data: its data stays"],
    downtime: "none",
    digest: `sha256:${"0123456789abcdef".repeat(4)}`,
  }),
  rollback: async () => accepted,
  scale: async () => ({ service: "shop", release: 1, rollout: undefined, scaled: undefined }),
  remove: async () => {},
  abort: async () => aRollout({ phase: "back", reason: "aborted" }),
  pause: async () => aRollout({ phase: "paused", reason: "paused" }),
  resume: async () => aRollout(),
  promote: async () => aRollout({ promoted: true }),
  services: async () => [status],
  overview: async () => ({
    total: 2,
    counts: { broken: 0, failed: 1, drifted: 0, stuck: 0, waiting: 0, moving: 0, warned: 0, steady: 1 },
    services: [
      {
        ...{ service: "shop", target: "local", attention: "failed" as const, why: "Rollout 7 failed." },
        ...{ count: 3, servers: [{ state: "ready" as const, number: 3 }], drifted: 1 },
        serving: { release: 1, version: "1.1.0", sinceMs: 4, by: "ada" },
        rollout: {
          ...{ id: 7, kind: "deploy" as const, to: 2, phase: "forward" as const, by: "ada" },
          ...{ step: 1, steps: 3, share: 0.2 },
        },
      },
    ],
    next: "1.shop",
  }),
  status: async () => status,
  diff: async () => ({ changes: ["image: one -> other"] }),
  rollout: async ({ id }) => aRollout({ id }),
  history: async () => ({
    releases: [
      { release: aRelease(1), state: "serving" },
      { release: aRelease(2, { traffic: undefined }), state: "image gone" },
    ],
    rollouts: [{ ...aRollout(), phases: {} }],
  }),
  drift: async () => [{ ...aFinding(), service: "shop", response: "replace" }],
  evidence: async () => [evidence],
  evidenceOf: async () => ({
    ...evidence,
    who: "/usr/sbin/runc pid 4711 uid 0 (login 1000)",
    processes: [
      {
        ...{ pid: 4711, parent: 1, uid: 0, name: "sh", state: "S", argv: ["sh", "-i"], own: true },
        ...{ executable: "/bin/sh", workingFolder: "/", namespaces: { mnt: "mnt:[1]" }, files: {} },
      },
    ],
    mounts: ["36 35 98:0 / / rw - overlay kiln rw"],
    log: ["hello"],
  }),
  exportEvidence: async function* () {
    yield { data: "aGVsbG8=" };
    yield { data: "IQ==" };
  },
  destroyServer: async () => {},
  reproduce: async () => ({ id: "shop-1-1-1__copy", enter: "kiln exec shop-1-1-1__copy --reason TEXT --" }),
  exec: async () => ({
    session: 7,
    argv: ["runc", "exec"],
    transcript: "/state/session-7.cast",
    tainted: true,
  }),
  endExec: async () => {},
  secrets: async () => [
    {
      ...{ service: "shop", name: "DB_PASSWORD", version: 2, createdAtMs: 1, createdBy: "ada" },
      releases: [1, 2],
    },
  ],
  jobs: async () => [
    {
      ...{ service: "shop", job: "cleanup", nextAtMs: 2, failedInARow: 0, runs: [] },
      schedule: { times: "@daily", timeZone: "UTC", overlap: "skip", deadlineMs: 1_000 },
    },
  ],
  runJob: async () => ({ run: 1 }),
  volumes: async () => [
    {
      ...{ service: "shop", name: "data", createdAtMs: 1, sizeBytes: 1_073_741_824, usedBytes: 4096 },
      ...{ release: 2, servers: ["shop-2-1-1"], snapshots: [aSnapshot] },
    },
  ],
  snapshotVolume: async () => aSnapshot,
  restoreVolume: async () => {},
  exportVolume: async function* () {
    yield { data: "aGk=" };
  },
  importVolume: async () => ({ upload: "u1" }),
  removeVolume: async () => {},
  setSecret: async () => ({ version: 3, changed: true }),
  removeSecret: async () => {},
  traffic: async ({ sinceMs = 0 }) => [
    {
      ...{ service: "shop", release: 2, requests: 60, errors: 1, latency: [59, 1], atMs: sinceMs },
      ...{ spanMs: 60_000, leastReady: 2, minutes: 1, readyMinutes: 1 },
    },
  ],
  figures: async ({ service = "shop", sinceMs = 1 }) => [
    {
      ...{ service, sinceMs, untilMs: 9 },
      figures: [
        {
          ...{ name: "fail-rate", title: "Change fail rate", unit: "share" as const, value: 0.25 },
          ...{ n: 8, of: "deployments", more: { "90 %": 1 }, notes: ["2 failed"], guessed: false },
          ...{ definition: "The share of deployments that failed.", events: [4, 9] },
        },
      ],
    },
  ],
  images: async () => [
    {
      ...{ service: "shop", version: "1.4.0", digest: "sha256:ab", contentDigest: "sha256:cd", bytes: 9 },
      ...{ createdAtMs: 1, pinned: false, usedBy: ["shop release 1", "shop release 2"] },
    },
  ],
  image: async ({ digest }) => ({
    ...{ digest, names: ["shop:1.4.0"], os: "linux", architecture: "amd64", user: "1:1", command: ["/run"] },
    layers: [{ digest: "sha256:ef", bytes: 9, name: "files" }],
    ...{ env: ["A=b"], workingFolder: "/", labels: {}, annotations: { a: "b" } },
    attached: [{ digest: "sha256:01", type: "application/x" }],
  }),
  ...{ removeImage: async () => {}, pinImage: async () => {}, unpinImage: async () => {} },
  collectImages: async () => ({
    images: [{ service: "shop", version: "1", digest: "sha256:ab" }],
    ...{ files: 3, bytes: 1024 },
  }),
  events: async function* ({ after = 0 }) {
    for (let sequence = after + 1; sequence <= 3; sequence++) yield anEvent(sequence);
  },
  audit: async () => ({
    entries: 9,
    checkpoint: { sequence: 8, digest: "sha256:ab", atMs: 5, keyId: "0123456789abcdef", signature: "aGk=" },
    key: { keyId: "0123456789abcdef", publicKey: "PEM" },
    troubles: [{ message: "It was changed.", hint: "Look.", sinceMs: 4 }],
  }),
  checkpoint: async () => ({
    ...{ sequence: 8, digest: "sha256:ab", atMs: 5, keyId: "0123456789abcdef", signature: "aGk=" },
    publicKey: "PEM",
  }),
  acceptBreaks: async () => ({ sequence: 12 }),
  rotateAuditKey: async () => ({ keyId: "0123456789abcdef", publicKey: "PEM" }),
  logs: async function* () {
    yield { atMs: 1, stream: "stdout", text: "hello\nworld" };
    yield { atMs: 2, stream: "stderr", text: "ünïcode \u2028 data: x" };
  },
  info: async () => ({
    ...{ pid: 1, version: "0.1.0", home: "/var/lib/kiln", startedAtMs: 1, services: 1, servers: 3 },
  }),
  targets: async () => [target],
  target: async () => ({
    ...target,
    readiness: {
      usable: true,
      gaps: [{ what: "no dm-verity", remedy: "none needed", severity: "degraded" }],
      facts: ["runc 1.1.5"],
    },
  }),
  trust: async () => ({
    keys: [trustedKey, { ...trustedKey, name: "old", revoked: { atMs: 2, by: "ada", reason: "lost" } }],
    policies: [{ target: undefined, mode: "enforce", signedBy: ["release"] }],
  }),
  revocations: async () => [revocation],
  revokeImage: async () => revocation,
  unrevokeImage: async () => {},
  channels: async () => [channel],
  channel: async () => ({ ...channel, history: [channel] }),
  setChannel: async () => channel,
  removeChannel: async () => {},
  trustKey: async () => trustedKey,
  revokeKey: async () => {},
  requireSigned: async () => {},
  liftPolicy: async () => {},
  promotion: async () => accepted,
  candidates: async () => [
    {
      ...{ id: 4, service: "shop", image: "sha256:ab", version: "1.4.0", commit: undefined },
      ...{ environments: ["production"], serves: ["staging"], createdAtMs: 1, createdBy: "ada" },
    },
  ],
  approve: async () => ({ by: "ben", person: { id: "uid 1001", name: "ben" }, atMs: 5 }),
  testPolicy: async () => [
    {
      ...{ rollout: 7, service: "shop.production", atMs: 5, by: "ada" },
      refused: [{ kind: "reason", mode: "enforce", passed: false, because: "no reason is given" }],
    },
  ],
  policies: async () => ({ file: policyFile, freezes: [freeze], overrides: [override] }),
  setPolicy: async () => policyFile,
  removePolicy: async () => {},
  freeze: async () => ({ ...freeze, services: ["shop.production"] }),
  unfreeze: async () => [freeze],
  review: async ({ rollout }) => ({
    ...override,
    rollout,
    review: { by: "ben", reason: "It was right.", atMs: 9 },
  }),
  addTarget: async () => {},
  removeTarget: async () => {},
  shutdown: async () => {},
};

export function anEvent(sequence: number) {
  return {
    sequence,
    atMs: 5,
    service: "shop",
    kind: "rollout.moved",
    message: "It moved.",
    data: { step: 1 },
  };
}

export async function allOf<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export interface TestApi extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly socketPath: string;
  readonly client: Client;
}

/** The API listening on a Unix socket in a folder of its own. */
export async function anApi(operations: Operations): Promise<TestApi> {
  const folder = mkdtempSync("/tmp/kiln-api-");
  const socketPath = join(folder, "s");
  const app = createApi(operations, silentLog);
  await app.listen({ path: socketPath });
  return {
    app,
    socketPath,
    client: createClient(socketPath, { stated }),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export interface RawAnswer {
  readonly status: number;
  readonly type: string | undefined;
  /** Its `etag`. */
  readonly tag: string | undefined;
  readonly text: string;
}

/** A request as any program could send it, without the client. */
export function rawRequest(
  { socketPath }: Pick<TestApi, "socketPath">,
  method: string,
  path: string,
  options: { readonly body?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<RawAnswer> {
  const headers = {
    ...(options.body === undefined ? {} : { "content-type": "application/json" }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({
          ...{ status: answer.statusCode ?? 0, text },
          ...{ type: answer.headers["content-type"], tag: answer.headers.etag },
        }),
      );
    });
    call.on("error", reject);
    call.end(options.body);
  });
}
