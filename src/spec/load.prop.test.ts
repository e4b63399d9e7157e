import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import type { ImageSpec } from "../domain/spec/image-spec.ts";
import type { JobSpec } from "../domain/spec/job-spec.ts";
import type { RolloutPolicy } from "../domain/spec/rollout-policy.ts";
import type { HealthSpec, SecretSpec } from "../domain/spec/server-shape.ts";
import type { ServiceSpec } from "../domain/spec/spec.ts";
import type { TrafficSpec } from "../domain/spec/traffic-spec.ts";
import type { UpkeepPolicy } from "../domain/spec/upkeep-policy.ts";
import { KilnError } from "../lib/errors.ts";
import { loadSpecs } from "./load.ts";

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp("/tmp/kiln-");
  file = join(folder, "kiln.yaml");
});

afterAll(() => rm(folder, { recursive: true }));

const port = fc.integer({ min: 1, max: 65_535 });
const durationMs = (min: number) => fc.integer({ min, max: 7 * 24 * 3_600_000 });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/);
const path = fc
  .stringMatching(/^\/[a-z0-9._ ]{0,8}[a-z0-9]$/)
  .filter((text) => !/^\/(proc|sys|dev)$/.test(text));
const printable = fc.string({ unit: "grapheme" }).filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text));

const image: fc.Arbitrary<ImageSpec> = fc.record({
  version: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/), { nil: undefined }),
  from: fc.record({ kind: fc.constant("debian" as const), suite: fc.constantFrom("bookworm", "stable") }),
  packages: fc.uniqueArray(fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{1,9}$/)),
  sources: fc.constantFrom([], ["deb https://deb.example.com/debian bookworm main contrib"]),
  skipScripts: fc.array(fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{1,9}$/)),
  files: fc
    .constantFrom([], [{ from: "a file", to: "/0", mode: 0o640, owner: "www-data:33" }])
    .map((files) => files.map((entry) => ({ ...entry, from: join(folder, entry.from) }))),
  exclude: fc.subarray(["node_modules", "**/*.log", "!keep.log"]),
  users: fc.constantFrom(
    [],
    [{ name: "app", uid: 1001, group: "staff", groups: [], home: "/h", shell: "/s" }],
  ),
  folders: fc.constantFrom([], [{ path: "/folder", mode: 0o750, owner: "app" }]),
  links: fc.constantFrom([], [{ path: "/link", target: "../folder" }]),
  env: fc.constantFrom({}, { LANG: "C" }),
  labels: fc.constantFrom({}, { "org.example/team": "shop" }),
  user: fc.option(fc.constantFrom("www-data", "1000", "0:0"), { nil: undefined }),
  command: fc.array(printable, { minLength: 1 }),
});

const health = (hasPort: boolean): fc.Arbitrary<HealthSpec> =>
  fc.record({
    check: hasPort
      ? fc.constantFrom({ kind: "http" as const, path: "/?a=b&c" }, { kind: "tcp" as const })
      : fc.constant({ kind: "alive" as const }),
    intervalMs: durationMs(10),
    timeoutMs: durationMs(10),
    ready: fc.integer({ min: 1, max: 100 }),
    unready: fc.integer({ min: 1, max: 100 }),
    deadlineMs: durationMs(1000),
  });

const traffic: fc.Arbitrary<TrafficSpec> = fc.oneof(
  fc.record({ mode: fc.constant("tcp" as const), listen: port, host: fc.constant(undefined) }),
  fc.record({
    mode: fc.constant("http" as const),
    listen: port,
    host: fc.constantFrom(undefined, "a.example.com"),
  }),
);

const rollout: fc.Arbitrary<RolloutPolicy> = fc.record({
  strategy: fc.constant("rolling" as const),
  steps: fc.constant([]),
  promote: fc.constant("auto" as const),
  surge: fc.integer({ min: 1, max: 1000 }),
  unavailable: fc.integer({ min: 0, max: 1000 }),
  bakeMs: durationMs(0),
  drainMs: durationMs(0),
  keepWarmMs: durationMs(0),
  progressDeadlineMs: durationMs(1000),
  onFailure: fc.constantFrom("rollback", "stop"),
});

const upkeep: fc.Arbitrary<UpkeepPolicy> = fc.record(
  {
    drift: fc.record({
      response: fc.constantFrom("replace", "quarantine", "report"),
      maxConcurrent: fc.oneof(
        fc.record({ servers: fc.integer({ min: 1, max: 1000 }) }),
        fc.record({ share: fc.constantFrom(0.01, 0.1, 1) }),
      ),
      ignore: fc.subarray(["full", "mount:/var/cache/*", "limit:pids.max"]),
    }),
    maxAgeMs: fc.integer({ min: 1, max: 1000 }).map((n) => n * 60_000),
  },
  { requiredKeys: ["drift"] },
);

const secret: fc.Arbitrary<SecretSpec> = fc
  .record({
    name: fc.stringMatching(/^[A-Z][A-Z0-9_]{0,20}$/),
    how: fc.constantFrom("default", "path", "env"),
  })
  .map(({ name, how }) => {
    if (how === "env") return { name, delivery: { kind: "env", variable: `its_${name}` } };
    const folder = how === "path" ? "/run/secrets/deeper" : "/run/secrets";
    return { name, delivery: { kind: "file", path: `${folder}/${name}` } };
  });

const job: fc.Arbitrary<JobSpec> = fc.record({
  name,
  when: fc.constantFrom("before", "after"),
  command: fc.array(printable, { minLength: 1, maxLength: 3 }),
  deadlineMs: durationMs(1000),
});

function inOrder(jobs: readonly JobSpec[]): readonly JobSpec[] {
  return jobs.toSorted((a, b) => (a.when < b.when ? 1 : a.when > b.when ? -1 : 0));
}

const spec: fc.Arbitrary<ServiceSpec> = fc.boolean().chain((hasPort) =>
  fc.record({
    service: name,
    environment: fc.option(name, { nil: undefined }),
    target: name,
    image,
    count: fc.integer({ min: 0, max: 1000 }),
    shape: fc.record({
      port: hasPort ? port : fc.constant(undefined),
      env: fc.dictionary(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,9}$/), printable, {
        noNullPrototype: true,
      }),
      memoryBytes: fc.option(
        fc.integer({ min: 1, max: 10_000 }).map((n) => n * 1024),
        { nil: undefined },
      ),
      cpus: fc.option(
        fc.integer({ min: 1, max: 2000 }).map((n) => n / 100),
        { nil: undefined },
      ),
      writable: fc.uniqueArray(
        path.filter((text) => text !== "/0"),
        { maxLength: 4 },
      ),
    }),
    secrets: fc.uniqueArray(secret, {
      maxLength: 4,
      selector: ({ name }) => name,
    }),
    files: fc.constantFrom([], [{ from: join(folder, "a file"), to: "/etc/0.conf", mode: 0o440 }]),
    health: health(hasPort),
    traffic: hasPort ? fc.option(traffic, { nil: undefined }) : fc.constant(undefined),
    rollout,
    upkeep,
    jobs: fc.uniqueArray(job, { selector: ({ name }) => name, maxLength: 3 }).map(inOrder),
  }),
);

/** A document that means this spec. What differs by environment is put there. */
function toDocument({
  service,
  environment,
  target,
  image,
  count,
  shape,
  secrets,
  files,
  health,
  traffic,
  rollout,
  upkeep,
  jobs,
}: ServiceSpec): object {
  const { kind } = health.check;
  const ms = (n: number) => `${n}ms`;
  const servers = {
    count,
    port: shape.port,
    env: shape.env,
    memory: shape.memoryBytes && `${shape.memoryBytes / 1024}KiB`,
    cpus: shape.cpus,
    writable: shape.writable,
    ...(upkeep.maxAgeMs === undefined ? {} : { maxAge: ms(upkeep.maxAgeMs) }),
    secrets: secrets.map(({ name, delivery }) => {
      if (delivery.kind === "env") return { name, env: delivery.variable };
      return delivery.path === `/run/secrets/${name}` ? name : { name, path: delivery.path };
    }),
    files: files.map(({ to, mode }) => ({ from: "a file", to, mode: mode.toString(8).padStart(4, "0") })),
  };
  const { maxConcurrent } = upkeep.drift;
  const whole = {
    target,
    drift: {
      ...upkeep.drift,
      maxConcurrent: "servers" in maxConcurrent ? maxConcurrent.servers : `${maxConcurrent.share * 100}%`,
    },
    image: {
      ...image,
      from: image.from.kind === "debian" ? `debian:${image.from.suite}` : "scratch",
      files: image.files.map((f) => ({ ...f, from: "a file", mode: f.mode?.toString(8).padStart(4, "0") })),
      folders: image.folders.map((f) => ({ ...f, mode: f.mode.toString(8).padStart(4, "0") })),
    },
    health: {
      ...(health.check.kind === "http" ? { http: health.check.path } : {}),
      ...(kind === "tcp" ? { tcp: true } : {}),
      interval: ms(health.intervalMs),
      timeout: ms(health.timeoutMs),
      ready: health.ready,
      unready: health.unready,
      deadline: ms(health.deadlineMs),
    },
    traffic,
    jobs: { before: jobsOf(jobs, "before"), after: jobsOf(jobs, "after") },
    rollout: {
      strategy: rollout.strategy,
      surge: rollout.surge,
      unavailable: rollout.unavailable,
      bake: ms(rollout.bakeMs),
      drain: ms(rollout.drainMs),
      keepWarm: ms(rollout.keepWarmMs),
      progressDeadline: ms(rollout.progressDeadlineMs),
      onFailure: rollout.onFailure,
    },
  };
  if (environment === undefined) return { service, ...whole, servers };
  return { service, ...whole, servers: { port: shape.port }, environments: { [environment]: { servers } } };
}

function jobsOf(jobs: readonly JobSpec[], when: JobSpec["when"]): readonly object[] {
  const wanted = jobs.filter((job) => job.when === when);
  return wanted.map(({ name, command, deadlineMs }) => ({ name, command, deadline: `${deadlineMs}ms` }));
}

test("the loaded spec equals the written one", async () => {
  await writeFile(join(folder, "a file"), "");
  await fc.assert(
    fc.asyncProperty(spec, async (wanted) => {
      await writeFile(file, stringify(toDocument(wanted), { aliasDuplicateObjects: false }));
      const [found] = await loadSpecs(file, { environment: wanted.environment });
      expect(found).toEqual(wanted);
    }),
  );
});

const golden = join(import.meta.dirname, "golden");
const seeds = await Promise.all(
  (await readdir(golden)).filter((n) => n.endsWith(".input")).map((n) => readFile(join(golden, n), "utf8")),
);
const valid = stringify({
  service: "shop",
  image: {
    from: "debian:bookworm",
    packages: ["nginx"],
    files: [{ from: "site", to: "/srv" }],
    command: ["nginx"],
  },
  servers: {
    ...{ count: 3, port: 8080, env: { A: "1" }, writable: ["/run"] },
    secrets: ["DB_PASSWORD", { name: "TLS_KEY", path: "/run/secrets/tls.key" }],
    files: [{ from: "site", to: "/etc/site.conf" }],
  },
  health: { http: "/", interval: "1s" },
  traffic: { listen: 8080, host: "shop.example.com", paths: ["/api"], stripPrefix: true },
  jobs: { before: [{ name: "migrate", command: ["/app"], deadline: "10m" }] },
  environments: { staging: { servers: { count: 1 }, traffic: { host: null } } },
});

const scrap = fc.oneof(
  fc.constantFrom(
    ":",
    "- ",
    "\n",
    "  ",
    "\t",
    "{",
    "}",
    "[",
    "]",
    "'",
    '"',
    "#",
    "&a ",
    "*a",
    "!t ",
    "|",
    ">",
    "? ",
    "<<: ",
    "---\n",
    "%",
    "null",
    "0",
    "\u0000",
    "\r",
    "\uFEFF",
    "\ud800",
    "__proto__: ",
    "constructor: ",
    "toString",
    "é",
    "𝄞",
  ),
  fc.string({ unit: "binary", maxLength: 8 }),
);

const mutated = fc
  .tuple(
    fc.constantFrom(valid, valid, valid, ...seeds),
    fc.array(fc.tuple(fc.nat(), fc.nat(12), scrap), { minLength: 1, maxLength: 5 }),
  )
  .map(([text, edits]) =>
    edits.reduce((t, [at, length, insert]) => {
      const start = at % (t.length + 1);
      return t.slice(0, start) + insert + t.slice(start + length);
    }, text),
  );

test("any file gives specs or problems with a place in the file", async () => {
  await fc.assert(
    fc.asyncProperty(mutated, async (text) => {
      await writeFile(file, text);
      const error = await loadSpecs(file).then(
        () => undefined,
        (e: unknown) => e,
      );
      if (error === undefined) return;
      if (!(error instanceof KilnError)) throw error;
      expect(error.code).toBe("spec_invalid");
      expect(error.problems.length).toBeGreaterThan(0);
      const lines = text
        .toWellFormed()
        .replace(/^\uFEFF/, "")
        .split("\n");
      for (const { place, message } of error.problems) {
        expect(message).not.toMatch(/undefined|\[object|Invalid input/);
        const line = lines[(place?.line ?? 0) - 1];
        expect(line).toBeDefined();
        expect(place?.column).toBeGreaterThan(0);
        expect(place?.column).toBeLessThanOrEqual((line?.length ?? 0) + 1);
      }
    }),
    { numRuns: 300 },
  );
});
