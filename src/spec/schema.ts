import { z } from "zod";
import { driftKinds } from "../domain/drift.ts";
import { ulimitNames } from "../domain/spec.ts";
import { localTarget } from "../domain/target.ts";
import { baseHint, basePattern, parseBase } from "../image/sources/sources.ts";
import { traffic } from "./traffic-schema.ts";
import * as leaf from "./yaml/leaves.ts";
import type { Path } from "./yaml/tree.ts";
import * as v from "./yaml/values.ts";

/** The one description of kiln.yaml: it validates the file, and the JSON Schema for editors and the reference come from it. */

const file = z
  .strictObject(
    {
      from: z
        .string({ error: "the path of a file or folder, relative to kiln.yaml" })
        .min(1, { error: "the path of a file or folder, relative to kiln.yaml" })
        .describe("File or folder inside the project, relative to the folder of kiln.yaml."),
      to: leaf
        .targetPath()
        .describe("Absolute target path in the image; the content of a folder goes below it."),
      mode: leaf
        .mode()
        .optional()
        .describe("Permission bits, octal and in quotes; default: 0644, or 0755 for an executable source."),
      owner: leaf
        .user("a user name or number, optionally with a group, such as www-data or 33:33")
        .optional()
        .describe("User name or number, optionally with `:group`; default: root."),
    },
    { error: "a mapping with from and to" },
  )
  .describe("One file or folder of the project.");

const accountName = (what: string) =>
  leaf.text({
    expected: `the name of a ${what}, of letters, digits, dots, hyphens and underscores, such as app`,
    pattern: v.accountPattern,
    examples: ["app"],
  });

const user = z
  .strictObject(
    {
      name: accountName("user").describe("Name of the user; must not exist in the image."),
      uid: leaf
        .whole(1, 2 ** 32 - 2, "a number")
        .optional()
        .describe("User ID; default: the lowest free one from 1000."),
      group: accountName("group")
        .optional()
        .describe("Group of the user, created if missing; default: the user's name."),
      groups: leaf
        .list(accountName("group"), "groups")
        .prefault([])
        .describe("Further groups of the user; must exist in the image."),
      home: leaf
        .containerPath("an absolute path in the image, such as /home/app")
        .optional()
        .describe("Home folder, created if missing; default: /nonexistent, which is not created."),
      shell: leaf
        .containerPath("an absolute path in the image, such as /bin/sh")
        .optional()
        .describe("Login shell; default: /usr/sbin/nologin."),
    },
    { error: "a mapping with a name" },
  )
  .describe("One user.");

const folder = z
  .strictObject(
    {
      path: leaf.containerPath().describe("Absolute path of the folder in the image."),
      mode: leaf.mode().optional().describe("Permission bits, octal and in quotes; default: 0755."),
      owner: leaf
        .user("a user name or number, optionally with a group, such as www-data or 33:33")
        .optional()
        .describe("User name or number, optionally with `:group`; default: root."),
    },
    { error: "a mapping with a path" },
  )
  .describe("One folder.");

const link = z
  .strictObject(
    {
      path: leaf.containerPath().describe("Absolute path of the symbolic link in the image."),
      target: leaf
        .text({
          expected: "the path that the link points to, such as ../lib/tool",
          pattern: /^[^\0]{1,4095}$/,
        })
        .describe("Target of the link, absolute or relative to the link's folder; need not exist."),
    },
    { error: "a mapping with path and target" },
  )
  .describe("One symbolic link.");

const environmentVariables = () =>
  z.record(
    z.string().regex(v.envNamePattern, {
      error: "a name of letters, digits and underscores that does not begin with a digit",
    }),
    z.string({ error: 'a text ("" is the empty one)' }),
    { error: "a mapping from names to texts" },
  );

const image = z
  .strictObject(
    {
      version: leaf
        .text({
          expected:
            "a version of letters, digits, dots, hyphens and underscores, such as 1.4.0 (at most 128 characters)",
          pattern: v.versionPattern,
          examples: ["1.4.0"],
        })
        .optional()
        .describe(
          "Version of the image; a version never names another image later. Default: from git, else a counter.",
        ),
      from: leaf
        .text({
          expected:
            "scratch, debian:SUITE (such as debian:bookworm), oci:PATH, dockerfile:PATH or HOST/NAME:TAG in a registry",
          pattern: basePattern,
          examples: [
            "debian:bookworm",
            "scratch",
            "oci:./base",
            "dockerfile:./Dockerfile",
            "registry.example/nginx:1.27",
          ],
          parse: parseBase,
          hint: baseHint,
        })
        .describe(
          "Base of the image: nothing, a slim Debian, an OCI image layout (folder or archive), a Dockerfile, or an image in a registry.",
        ),
      packages: leaf
        .list(leaf.packageName({ version: true }), "Debian packages")
        .prefault([])
        .describe("Debian packages, each optionally as `name=version`."),
      sources: leaf
        .list(
          leaf.text({
            expected: "a line of sources.list, such as deb https://deb.example.com/debian bookworm main",
            pattern: v.sourcePattern,
          }),
          "sources.list lines",
        )
        .prefault([])
        .describe("Package sources instead of the machine's own, in the one-line format of sources.list(5)."),
      allowSources: leaf
        .list(leaf.oneOf("unsigned", "local"), "permissions")
        .prefault([])
        .describe(
          "Extra rights of `sources`: `unsigned` lets apt trust archives without a valid signature, `local` lets apt read files of this machine.",
        ),
      skipScripts: leaf
        .list(leaf.packageName({ version: false }), "Debian packages")
        .prefault([])
        .describe("Packages whose maintainer scripts the service does not need."),
      files: leaf
        .list(file, "files")
        .prefault([])
        .describe("Files and folders of the project that go into the image."),
      exclude: leaf
        .list(leaf.ignorePattern(), "patterns")
        .prefault([])
        .describe(
          "Patterns of files that `files` leaves out, as in a .dockerignore; they apply after the patterns of that file.",
        ),
      users: leaf
        .list(user, "users")
        .prefault([])
        .describe("Users to create in the image, in addition to the users of its base and packages."),
      folders: leaf
        .list(folder, "folders")
        .prefault([])
        .describe("Folders to create in the image, or to give a mode and owner."),
      links: leaf.list(link, "links").prefault([]).describe("Symbolic links to create in the image."),
      env: environmentVariables()
        .prefault({})
        .describe(
          "Environment variables, in addition to the base's or in place of them; LANG defaults to C.UTF-8.",
        ),
      labels: z
        .record(
          z.string().regex(/^[!-~]{1,200}$/, {
            error: "a name without blanks, such as org.opencontainers.image.source",
          }),
          z.string({ error: 'a text ("" is the empty one)' }),
          { error: "a mapping from names to texts" },
        )
        .prefault({})
        .describe("Labels of the image, in addition to the base's or in place of them."),
      user: leaf
        .user("a user name or number, optionally with a group, such as www-data or 1000:1000")
        .optional()
        .describe("User that the process runs as; default: the base image's user, else 65532:65532."),
      command: leaf
        .list(z.string({ error: "a text" }), "texts, the program first")
        .min(1, { error: "at least the program" })
        .optional()
        .describe("Program and arguments; required unless the base has its own."),
    },
    { error: "a mapping that describes the image" },
  )
  .describe("The content of the image.");

const secret = z.union(
  [
    leaf
      .secretName()
      .describe("Name of a secret, which becomes the file /run/secrets/NAME.")
      .transform((name) => ({ name, path: undefined, env: undefined })),
    z.strictObject({
      name: leaf.secretName().describe("Name of the secret, as for `kiln secret set`."),
      path: leaf
        .containerPath("an absolute path in the server, such as /run/secrets/tls.key")
        .optional()
        .describe("File in every server, in memory and read-only; default: /run/secrets/NAME."),
      env: leaf
        .text({
          expected: "a name of letters, digits and underscores that does not begin with a digit",
          pattern: v.envNamePattern,
        })
        .optional()
        .describe("Environment variable that contains the secret, instead of a file."),
    }),
  ],
  { error: "the name of a secret, or a mapping with name and path or env" },
);

const configFile = z
  .strictObject(
    {
      from: z
        .string({ error: "the path of a file, relative to kiln.yaml" })
        .min(1, { error: "the path of a file, relative to kiln.yaml" })
        .describe("File inside the project, relative to the folder of kiln.yaml."),
      to: leaf
        .containerPath("an absolute path in the server, such as /etc/app/app.conf")
        .describe("Absolute path in every server, in place of the image's file."),
      mode: leaf.mode().optional().describe("Permission bits, octal and in quotes; default: 0444."),
    },
    { error: "a mapping with from and to" },
  )
  .describe("One file of the project.");

const volume = z
  .strictObject(
    {
      name: leaf
        .text({
          expected: "a name of lower-case letters, digits and hyphens, such as data",
          pattern: v.namePattern,
          examples: ["data"],
        })
        .describe("Name of the volume within its service; `kiln volume` commands use it."),
      path: leaf
        .containerPath("an absolute path in the server, such as /var/lib/postgresql")
        .describe("Folder in every server that has the volume's data."),
      size: leaf
        .size()
        .optional()
        .describe("Most data that the volume may hold, reserved on the disk; default: no limit."),
      shared: z
        .boolean({ error: "true or false" })
        .prefault(false)
        .describe("Whether several servers may have the volume at once; the program must support that."),
      snapshot: z
        .literal("before-rollout", { error: "before-rollout" })
        .optional()
        .describe("Keeps a snapshot before the first server of another release gets the volume."),
      keep: leaf
        .whole(1, 100)
        .optional()
        .meta({ default: 3 })
        .describe("How many snapshots `before-rollout` keeps; older ones are removed."),
      dataVersion: leaf
        .whole(1, 1_000_000_000)
        .optional()
        .describe(
          "Format of the data that this release writes; a release with a lower number never gets the volume afterwards.",
        ),
    },
    { error: "a mapping with name and path" },
  )
  .describe("One volume.");
const ulimit = (expected = "a whole number from 0, or unlimited") => {
  const words = { error: expected };
  return z.union([z.literal("unlimited", words).transform(() => -1), z.int(words).min(0, words)], words);
};

const limitForms = "a whole number, unlimited, or a mapping with soft and hard";
const ulimits = z
  .partialRecord(
    z.enum(ulimitNames),
    z.union([ulimit(limitForms), z.strictObject({ soft: ulimit(), hard: ulimit() })], { error: limitForms }),
    { error: "a mapping from resources to limits" },
  )
  .describe(
    "Limits of each process, as in `ulimit` and setrlimit(2); default: 65536 open files, no core dumps.",
  );

const servers = z
  .strictObject(
    {
      count: leaf
        .whole(0, 1000)
        .prefault(1)
        .describe("Number of servers; a deploy that changes only this number scales."),
      port: leaf.port().optional().describe("TCP port that the process listens on, inside the server."),
      env: environmentVariables()
        .prefault({})
        .describe("Environment variables; numbers and booleans are used as written."),
      memory: leaf.size().optional().describe("Most memory that one server may use; default: no limit."),
      cpus: z
        .number({ error: "a number of CPU cores from 0.01 to 1024, such as 0.5" })
        .min(0.01, { error: "a number of CPU cores from 0.01 to 1024, such as 0.5" })
        .max(1024, { error: "a number of CPU cores from 0.01 to 1024, such as 0.5" })
        .optional()
        .describe("Most CPU cores that one server may use; default: no limit."),
      maxAge: leaf
        .duration("1m")
        .optional()
        .describe(
          "Older servers are replaced, one by one, by new ones of the same release; default: no limit.",
        ),
      writable: leaf
        .list(leaf.containerPath("an absolute path in the server, such as /run"), "paths")
        .prefault([])
        .describe("Writable folders, in memory and empty at the start; everything else is read-only."),
      volumes: leaf
        .list(volume, "volumes")
        .max(16, { error: "at most 16 volumes" })
        .prefault([])
        .describe(
          "Folders whose data belongs to the service and stays across rollouts, rollbacks, reboots and removal.",
        ),
      init: z
        .boolean({ error: "true or false" })
        .prefault(false)
        .describe(
          "A small init as the first process: it reaps orphaned processes and forwards signals to the program.",
        ),
      stop: z
        .strictObject(
          {
            signal: leaf
              .text({
                expected: "a signal, such as SIGQUIT, TERM or RTMIN+3",
                pattern: v.signalPattern,
                examples: ["SIGQUIT"],
                parse: v.parseSignal,
              })
              .optional()
              .describe("Signal that asks the process to end; default: the image's, else SIGTERM."),
            grace: leaf
              .duration("0s")
              .optional()
              .describe("How long the process may take to end before it is killed; default: 10s."),
          },
          { error: "a mapping with signal or grace" },
        )
        .optional()
        .describe("How the process is asked to end, after it has been drained."),
      sharedMemory: leaf.size().optional().describe("Size of /dev/shm; default: 64MiB."),
      ulimits: ulimits.optional(),
      secrets: leaf
        .list(secret, "secrets")
        .max(64, { error: "at most 64 secrets" })
        .prefault([])
        .describe("Secrets that servers get, each as a file in memory or as an environment variable."),
      files: leaf
        .list(configFile, "files")
        .max(64, { error: "at most 64 files" })
        .prefault([])
        .describe(
          "Configuration files that belong to the release rather than to the image; at most 1 MiB in total.",
        ),
    },
    { error: "a mapping that describes each server" },
  )
  .describe("The number of servers, and what each server has.");

const health = z
  .strictObject(
    {
      http: leaf
        .text({
          expected: "the path of an HTTP request, such as / or /healthz",
          pattern: v.httpPathPattern,
          examples: ["/", "/healthz"],
          hint: (found) =>
            typeof found === "string" && /^https?:/.test(found)
              ? "Write only the path; the port is `servers.port`."
              : undefined,
        })
        .optional()
        .describe("Path that must answer GET with a 2xx or 3xx status."),
      tcp: z
        .literal(true, { error: "true" })
        .optional()
        .describe("The port must accept a connection; the default if there is a port."),
      interval: leaf.duration("10ms").prefault("1s").describe("Time from one check to the next."),
      timeout: leaf.duration("10ms").prefault("1s").describe("How long one check may take."),
      ready: leaf.whole(1, 100).prefault(2).describe("Successful checks in a row that make a server ready."),
      unready: leaf
        .whole(1, 100)
        .prefault(3)
        .describe("Failed checks in a row that take a server out of traffic."),
      deadline: leaf
        .duration("1s")
        .prefault("5m")
        .describe("How long a server may take to become ready before it is replaced."),
    },
    { error: "a mapping that describes the health checks" },
  )
  .describe("When a server is healthy: `http`, `tcp`, or, without a port, while its process runs.");

const analysis = z
  .strictObject(
    {
      requests: leaf
        .whole(1, 1_000_000)
        .prefault(50)
        .describe("Requests to the new release that are enough for a verdict; fewer pause the rollout."),
      errorRate: leaf
        .share("0%")
        .prefault("1%")
        .describe("How much higher the new release's share of failed requests may be."),
      latency: z
        .number({ error: "a number from 1, such as 1.5" })
        .min(1, { error: "a number from 1, such as 1.5" })
        .prefault(1.5)
        .describe(
          "Highest allowed ratio of the new p95 latency to the old one; differences under 5 ms are ignored.",
        ),
      interval: leaf
        .duration("1s")
        .prefault("10s")
        .describe("Time from one comparison to the next while the step holds."),
      query: z
        .strictObject(
          {
            url: leaf.url().describe("A Prometheus-compatible server."),
            query: leaf
              .text({ expected: "a query", pattern: /^[^\0]{1,4000}$/ })
              .describe("An instant query that returns one value."),
            min: z.number({ error: "a number" }).optional().describe("The value must not be lower."),
            max: z.number({ error: "a number" }).optional().describe("The value must not be higher."),
          },
          { error: "a mapping with a URL, a query and its bounds" },
        )
        .optional()
        .describe("A query whose value must be within bounds."),
      http: leaf.url().optional().describe("A URL that must answer with a status of 200 to 299."),
    },
    { error: "a mapping that describes the comparison" },
  )
  .describe(
    "Compares the new release with the old one: a worse result rolls back, too few requests pause the rollout.",
  );

const rollout = z
  .strictObject(
    {
      strategy: leaf
        .oneOf("rolling", "blue-green", "canary", "recreate")
        .prefault("rolling")
        .describe(
          "Replace in steps; start all new servers and switch once; follow the given shares; or stop the old servers first.",
        ),
      steps: leaf
        .list(
          z.strictObject(
            {
              share: leaf.share("1%").describe("Share of servers and traffic that the new release gets."),
              hold: leaf.duration("0s").prefault("0s").describe("How long the step must stay healthy."),
              analysis: analysis.optional(),
            },
            { error: "a mapping with a share" },
          ),
          "steps",
        )
        .optional()
        .describe("`canary`: the steps before the new release gets all traffic, with rising shares."),
      promote: leaf
        .oneOf("auto", "manual")
        .optional()
        .meta({ default: "auto" })
        .describe(
          "`manual`: the complete new group waits for `kiln rollout promote` before it gets all traffic.",
        ),
      surge: leaf
        .whole(0, 1000)
        .optional()
        .meta({ default: 1 })
        .describe("`rolling`: servers above `count` that may run at once."),
      unavailable: leaf
        .whole(0, 1000)
        .optional()
        .meta({ default: 0 })
        .describe("`rolling`: servers below `count` that may be missing at once."),
      bake: leaf
        .duration("0s")
        .prefault("10s")
        .describe("How long the new servers must stay healthy with all traffic."),
      drain: leaf
        .duration("0s")
        .prefault("30s")
        .describe("How long open connections of a leaving server may take to finish."),
      keepWarm: leaf
        .duration("0s")
        .prefault("5m")
        .describe("How long the old servers are kept for an instant rollback."),
      progressDeadline: leaf
        .duration("1s")
        .prefault("10m")
        .describe("How long a rollout may take without another server becoming ready."),
      onFailure: leaf
        .oneOf("rollback", "stop")
        .prefault("rollback")
        .describe("After a failure: return to the last good release, or pause in the present state."),
    },
    { error: "a mapping that describes how servers are replaced" },
  )
  .describe("How a new release replaces the old one.");

const drift = z
  .strictObject(
    {
      response: leaf
        .oneOf("replace", "quarantine", "report")
        .prefault("replace")
        .describe(
          "Replace a server that has drifted; replace it and keep the old one, frozen and without traffic; or only report it.",
        ),
      maxConcurrent: z
        .union(
          [
            leaf.whole(1, 1000).transform((servers) => ({ servers })),
            leaf.share("1%").transform((share) => ({ share })),
          ],
          { error: "a number of servers from 1 to 1000, or a share such as 10%" },
        )
        .prefault("10%")
        .describe("How many servers may be missing at once because drift took them out; at least one."),
      ignore: leaf
        .list(
          leaf.text({
            expected: `a kind of drift (${driftKinds.join(", ")}), optionally with a pattern for its subject, such as mount:/var/cache/*`,
            pattern: v.driftPattern,
            examples: ["full", "mount:/var/cache/*"],
          }),
          "kinds of drift",
        )
        .max(64, { error: "at most 64 kinds of drift" })
        .prefault([])
        .describe(
          "Changes that do not count as drift: `kind`, or `kind:pattern` where `*` stands for any characters.",
        ),
    },
    { error: "a mapping that describes the response to drift" },
  )
  .describe("What Kiln does when a running server differs from its release.");

const job = z
  .strictObject(
    {
      name: leaf
        .text({
          expected:
            "a name of lower-case letters, digits and hyphens, a letter first, at most 32 characters, such as migrate",
          pattern: v.namePattern,
          examples: ["migrate"],
          hint: (found) => {
            const tidy = v.tidyName(String(found));
            return tidy && `Write ${tidy}.`;
          },
        })
        .describe("Name of the job; unique in a service."),
      command: leaf
        .list(z.string({ error: "a text" }), "texts, the program first")
        .min(1, { error: "at least the program" })
        .describe("Program and arguments, instead of the image's own."),
      deadline: leaf
        .duration("1s")
        .prefault("5m")
        .describe("How long the job may take; after that Kiln ends it, and it has failed."),
    },
    { error: "a mapping with name and command" },
  )
  .describe("A one-off server of the new release.");

const jobList = () => leaf.list(job, "jobs").max(16, { error: "at most 16 jobs" }).prefault([]);

const jobs = z
  .strictObject(
    {
      before: jobList().describe(
        "Run before any server of the new release exists; a failed job stops the rollout.",
      ),
      after: jobList().describe("Run when the new servers have all traffic; a failed job fails the rollout."),
    },
    { error: "a mapping with before or after" },
  )
  .describe("Jobs that each deploy runs once, one after the other; a rollback runs none.");

const name = (what: string) =>
  leaf.text({
    expected: `${what} of lower-case letters, digits and hyphens, a letter first, at most 32 characters`,
    pattern: v.namePattern,
    hint: (found) => {
      if (typeof found === "object") return undefined;
      const tidy = v.tidyName(String(found));
      return tidy && `Write ${tidy}.`;
    },
  });

/** One document. Overlays in `environments` are merged over it and then validated by this same schema. */
export const documentSchema = z.strictObject(
  {
    service: name("a name").describe("Name of the service."),
    target: name("the name of a target")
      .prefault(localTarget.name)
      .describe(
        "The target that the service runs on, as `kiln target ls` lists it; a service does not move.",
      ),
    image,
    servers: servers.prefault({}),
    health: health.prefault({}),
    traffic: traffic.optional(),
    rollout: rollout.prefault({}),
    drift: drift.prefault({}),
    jobs: jobs.prefault({}),
    environments: z
      .record(
        z.string().regex(v.namePattern, {
          error: "a name of lower-case letters, digits and hyphens, a letter first",
        }),
        z.record(z.string(), z.unknown(), { error: "a mapping with the keys that differ" }),
        { error: "a mapping from names of environments to their differences" },
      )
      .prefault({})
      .describe(
        "The differences of each environment: merged over the other keys at every depth; lists replace, `null` removes a key.",
      ),
  },
  { error: "a mapping" },
);

export type SpecDocument = z.output<typeof documentSchema>;

/** Where a number or a boolean means the text that the user wrote: `1.10` is a version, not 1.1. */
const writtenAsText = [
  "image.version",
  "image.user",
  "image.command.*",
  "image.files.*.owner",
  "image.folders.*.owner",
  "image.env.*",
  "image.labels.*",
  "servers.env.*",
  "jobs.before.*.command.*",
  "jobs.after.*.command.*",
].map((path) => path.split("."));

export function isWrittenText(path: Path): boolean {
  return writtenAsText.some(
    (pattern) =>
      pattern.length === path.length && pattern.every((step, i) => step === "*" || step === path[i]),
  );
}
