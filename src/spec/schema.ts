import { z } from "zod";
import { driftKinds } from "../domain/drift.ts";
import { baseHint, basePattern, parseBase } from "./image-base.ts";
import * as leaf from "./leaves.ts";
import type { Path } from "./tree.ts";
import * as v from "./values.ts";

/** The one description of kiln.yaml: it validates, and the editors' JSON Schema and the reference are made from it. */

const file = z
  .strictObject(
    {
      from: z
        .string({ error: "the path of a file or folder, relative to kiln.yaml" })
        .min(1, { error: "the path of a file or folder, relative to kiln.yaml" })
        .describe("File or folder inside the project, relative to the folder of kiln.yaml."),
      to: leaf
        .targetPath()
        .describe("Absolute path in the image that it gets; a folder's content lands below it."),
      mode: leaf
        .mode()
        .optional()
        .describe(
          "Permission bits, octal and in quotes; 0644, or 0755 where the source is executable, when absent.",
        ),
      owner: leaf
        .user("a user name or number, optionally with a group, such as www-data or 33:33")
        .optional()
        .describe("User name or number, optionally with `:group`; root when absent."),
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
      name: accountName("user").describe("Name of the user; the image must not have it."),
      uid: leaf
        .whole(1, 2 ** 32 - 2, "a number")
        .optional()
        .describe("Number of the user; the lowest from 1000 on that the image does not have, when absent."),
      group: accountName("group")
        .optional()
        .describe("Its group, made where the image has none of that name; named as the user when absent."),
      groups: leaf
        .list(accountName("group"), "groups")
        .prefault([])
        .describe("Further groups that the user is in; the image must have them."),
      home: leaf
        .containerPath("an absolute path in the image, such as /home/app")
        .optional()
        .describe("Its home folder, made if it is missing; /nonexistent, which is not made, when absent."),
      shell: leaf
        .containerPath("an absolute path in the image, such as /bin/sh")
        .optional()
        .describe("Its shell; /usr/sbin/nologin when absent."),
    },
    { error: "a mapping with a name" },
  )
  .describe("One user.");

const folder = z
  .strictObject(
    {
      path: leaf.containerPath().describe("Absolute path of the folder in the image."),
      mode: leaf.mode().optional().describe("Permission bits, octal and in quotes; 0755 when absent."),
      owner: leaf
        .user("a user name or number, optionally with a group, such as www-data or 33:33")
        .optional()
        .describe("User name or number, optionally with `:group`; root when absent."),
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
        .describe("What it points to, absolute or relative to the link's folder; need not be there."),
    },
    { error: "a mapping with path and target" },
  )
  .describe("One symbolic link.");

const environmentVariables = () =>
  z.record(
    z.string().regex(v.envNamePattern, {
      error: "a name of letters, digits and underscores that begins with no digit",
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
          "Label of the image; once given it never points elsewhere. From git, otherwise a counter, when absent.",
        ),
      from: leaf
        .text({
          expected: "scratch, debian:SUITE (such as debian:bookworm) or oci:PATH",
          pattern: basePattern,
          examples: ["debian:bookworm", "scratch", "oci:./base"],
          parse: parseBase,
          hint: baseHint,
        })
        .describe(
          "What the image is built on: nothing, a slim Debian, or an OCI image layout (folder or archive).",
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
        .describe(
          "Package sources in place of the machine's own, in the one-line format of sources.list(5).",
        ),
      allowSources: leaf
        .list(leaf.oneOf("unsigned", "local"), "permissions")
        .prefault([])
        .describe(
          "What `sources` may do besides: `unsigned` lets apt trust archives without a valid signature, `local` lets it read from this machine's files.",
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
        .describe("Patterns of what `files` leaves out, as in a .dockerignore and after those in it."),
      users: leaf
        .list(user, "users")
        .prefault([])
        .describe("Users that the image gets, besides those of its base and packages."),
      folders: leaf
        .list(folder, "folders")
        .prefault([])
        .describe("Folders that the image gets, or whose mode and owner it states."),
      links: leaf.list(link, "links").prefault([]).describe("Symbolic links that the image gets."),
      env: environmentVariables()
        .prefault({})
        .describe("Environment variables, over those of the base; LANG is C.UTF-8 when nobody sets it."),
      labels: z
        .record(
          z.string().regex(/^[!-~]{1,200}$/, {
            error: "a name without blanks, such as org.opencontainers.image.source",
          }),
          z.string({ error: 'a text ("" is the empty one)' }),
          { error: "a mapping from names to texts" },
        )
        .prefault({})
        .describe("Labels of the image, over those of the base."),
      user: leaf
        .user("a user name or number, optionally with a group, such as www-data or 1000:1000")
        .optional()
        .describe("User that the process runs as; the base image's, otherwise 65532:65532, when absent."),
      command: leaf
        .list(z.string({ error: "a text" }), "texts, the program first")
        .min(1, { error: "at least the program" })
        .optional()
        .describe("Program and arguments; required unless an `oci:` base brings its own."),
    },
    { error: "a mapping that says what the image is made of" },
  )
  .describe("What the image is made of.");

const secretName = () =>
  leaf.text({
    expected: "the name of a secret, of upper-case letters, digits and underscores, such as DB_PASSWORD",
    pattern: v.secretNamePattern,
    examples: ["DB_PASSWORD"],
    hint: (found) => {
      const upper = String(found)
        .toUpperCase()
        .replaceAll(/[^A-Z0-9]+/g, "_");
      return v.secretNamePattern.test(upper) ? `Write ${upper}.` : undefined;
    },
  });

const secret = z.union(
  [
    secretName()
      .describe("Name of a secret, which becomes the file /run/secrets/NAME.")
      .transform((name) => ({ name, path: undefined, env: undefined })),
    z.strictObject({
      name: secretName().describe("Name that `kiln secret set` gives it."),
      path: leaf
        .containerPath("an absolute path in the server, such as /run/secrets/tls.key")
        .optional()
        .describe("File in every server, in memory and read-only; /run/secrets/NAME when absent."),
      env: leaf
        .text({
          expected: "a name of letters, digits and underscores that begins with no digit",
          pattern: v.envNamePattern,
        })
        .optional()
        .describe("Environment variable that servers get it as, instead of a file."),
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
        .describe("Absolute path in every server, over what the image has there."),
      mode: leaf.mode().optional().describe("Permission bits, octal and in quotes; 0444 when absent."),
    },
    { error: "a mapping with from and to" },
  )
  .describe("One file of the project.");

const servers = z
  .strictObject(
    {
      count: leaf.whole(0, 1000).prefault(1).describe("How many servers; changing only this scales."),
      port: leaf.port().optional().describe("TCP port that the process listens on, inside the server."),
      env: environmentVariables()
        .prefault({})
        .describe("Environment variables; numbers and booleans are taken as they are written."),
      memory: leaf.size().optional().describe("Most memory that one server may use; no limit when absent."),
      cpus: z
        .number({ error: "a number of CPU cores from 0.01 to 1024, such as 0.5" })
        .min(0.01, { error: "a number of CPU cores from 0.01 to 1024, such as 0.5" })
        .max(1024, { error: "a number of CPU cores from 0.01 to 1024, such as 0.5" })
        .optional()
        .describe("Most CPU cores that one server may use; no limit when absent."),
      maxAge: leaf
        .duration("1m")
        .optional()
        .describe(
          "Older servers are replaced, one by one, by others of the same release; as old as they get when absent.",
        ),
      writable: leaf
        .list(leaf.containerPath("an absolute path in the server, such as /run"), "paths")
        .prefault([])
        .describe("Folders that are writable, in memory and empty at the start; all else is read-only."),
      secrets: leaf
        .list(secret, "secrets")
        .max(64, { error: "at most 64 secrets" })
        .prefault([])
        .describe("Secrets that servers get, each as a file in memory or as an environment variable."),
      files: leaf
        .list(configFile, "files")
        .max(64, { error: "at most 64 files" })
        .prefault([])
        .describe("Configuration files that belong to the release rather than to the image; 1 MiB together."),
    },
    { error: "a mapping that says what each server has" },
  )
  .describe("How many servers, and what each has.");

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
              ? "Write the path alone; the port is `servers.port`."
              : undefined,
        })
        .optional()
        .describe("Path that must answer GET with a 2xx or 3xx status."),
      tcp: z
        .literal(true, { error: "true" })
        .optional()
        .describe("The port must accept a connection; this is the default where there is a port."),
      interval: leaf.duration("10ms").prefault("1s").describe("Time from one check to the next."),
      timeout: leaf.duration("10ms").prefault("1s").describe("How long one check may take."),
      ready: leaf.whole(1, 100).prefault(2).describe("Passes in a row that make a server ready."),
      unready: leaf
        .whole(1, 100)
        .prefault(3)
        .describe("Failures in a row that take a server out of traffic."),
      deadline: leaf
        .duration("1s")
        .prefault("5m")
        .describe("How long a server may take to become ready before it is replaced."),
    },
    { error: "a mapping that says when a server is healthy" },
  )
  .describe("When a server is healthy: `http`, `tcp`, or, without a port, that its process lives.");

const traffic = z
  .strictObject(
    {
      listen: leaf.port().describe("TCP port of the machine that the router listens on."),
      preview: leaf
        .port()
        .optional()
        .describe(
          "TCP port that reaches the new release alone, for any host, while a rollout is on its way; nobody at other times.",
        ),
      host: leaf
        .hostName()
        .optional()
        .describe(
          "Host name whose requests come here, where several services share a port; every other host when absent.",
        ),
      mode: leaf
        .oneOf("http", "tcp")
        .prefault("http")
        .describe("Requests of HTTP, or connections of plain TCP."),
      tls: z
        .strictObject(
          {
            certificate: leaf
              .machinePath("the path of a certificate in PEM form, such as ./fullchain.pem")
              .describe(
                "Certificate of the server in PEM form, followed by those that lead to its authority.",
              ),
            key: leaf
              .machinePath("the path of a private key in PEM form, such as ./key.pem")
              .describe("Private key of the certificate in PEM form, not encrypted."),
          },
          { error: "a mapping with certificate and key" },
        )
        .optional()
        .describe(
          "The router ends TLS, and takes renewed files over by itself; without it, traffic comes in plain.",
        ),
    },
    { error: "a mapping that says how traffic comes in" },
  )
  .describe("How traffic reaches the servers; without it the router gives them none.");

const analysis = z
  .strictObject(
    {
      requests: leaf
        .whole(1, 1_000_000)
        .prefault(50)
        .describe("Requests to the new release that make a sample; fewer pause the rollout."),
      errorRate: leaf
        .share("0%")
        .prefault("1%")
        .describe("How much higher the new release's share of failed requests may be."),
      latency: z
        .number({ error: "a number from 1, such as 1.5" })
        .min(1, { error: "a number from 1, such as 1.5" })
        .prefault(1.5)
        .describe(
          "How many times the old release's 95th percentile of response times the new one's may be; less than 5 ms more never counts.",
        ),
      interval: leaf
        .duration("1s")
        .prefault("10s")
        .describe("How often it is looked at while the step holds."),
      query: z
        .strictObject(
          {
            url: leaf.url().describe("A Prometheus-compatible server."),
            query: leaf
              .text({ expected: "a query", pattern: /^[^\0]{1,4000}$/ })
              .describe("An instant query that gives one value."),
            min: z.number({ error: "a number" }).optional().describe("The value must not be lower."),
            max: z.number({ error: "a number" }).optional().describe("The value must not be higher."),
          },
          { error: "a mapping with a URL, a query and its bounds" },
        )
        .optional()
        .describe("A query whose value must lie within bounds."),
      http: leaf.url().optional().describe("A URL that must answer with a status of 200 to 299."),
    },
    { error: "a mapping that says what is compared" },
  )
  .describe(
    "Compares the new release with the old one; worse turns the rollout back, too little to tell pauses it.",
  );

const rollout = z
  .strictObject(
    {
      strategy: leaf
        .oneOf("rolling", "blue-green", "canary", "recreate")
        .prefault("rolling")
        .describe(
          "Replace in steps; raise all new servers and switch once; go by stated shares; or stop the old ones first.",
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
        .describe("`canary`: the stages before all the traffic, with rising shares."),
      promote: leaf
        .oneOf("auto", "manual")
        .optional()
        .meta({ default: "auto" })
        .describe(
          "`manual`: the whole new group waits for `kiln rollout promote` before it gets all the traffic.",
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
        .describe("How long the new servers must stay healthy with all the traffic."),
      drain: leaf
        .duration("0s")
        .prefault("30s")
        .describe("How long open connections of a leaving server may take to finish."),
      keepWarm: leaf
        .duration("0s")
        .prefault("5m")
        .describe("How long the old servers are kept for a rollback in one switch."),
      progressDeadline: leaf
        .duration("1s")
        .prefault("10m")
        .describe("How long a rollout may go without more servers becoming ready."),
      onFailure: leaf
        .oneOf("rollback", "stop")
        .prefault("rollback")
        .describe("What a failed rollout does: return to the last good release, or stop where it is."),
    },
    { error: "a mapping that says how servers are replaced" },
  )
  .describe("How a new release replaces the old one.");

const drift = z
  .strictObject(
    {
      response: leaf
        .oneOf("replace", "quarantine", "report")
        .prefault("replace")
        .describe(
          "Replace a server that has drifted; keep it too, frozen and out of traffic; or only tell about it.",
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
        .describe("How many servers may be missing at once because they were taken out; at least one."),
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
        .describe("What is no drift here: `kind`, or `kind:pattern` where `*` stands for any characters."),
    },
    { error: "a mapping that says what is done about drift" },
  )
  .describe("What is done when a running server differs from its release.");

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
        .describe("Name of the job; each once in a service."),
      command: leaf
        .list(z.string({ error: "a text" }), "texts, the program first")
        .min(1, { error: "at least the program" })
        .describe("Program and arguments, in place of the image's own."),
      deadline: leaf
        .duration("1s")
        .prefault("5m")
        .describe("How long the job may take; then it is ended and has failed."),
    },
    { error: "a mapping with name and command" },
  )
  .describe("A one-off server of the new release.");

const jobList = () => leaf.list(job, "jobs").max(16, { error: "at most 16 jobs" }).prefault([]);

const jobs = z
  .strictObject(
    {
      before: jobList().describe(
        "Run before any server of the new release exists; one that fails stops the rollout.",
      ),
      after: jobList().describe(
        "Run when the new servers have all the traffic; one that fails fails the rollout.",
      ),
    },
    { error: "a mapping with before or after" },
  )
  .describe("Work that each deploy does once, one job after the other; a rollback runs none.");

const name = (what: string) =>
  leaf.text({
    expected: `${what} of lower-case letters, digits and hyphens, a letter first, at most 32 characters`,
    pattern: v.namePattern,
    hint: (found) => {
      const tidy = v.tidyName(String(found));
      return tidy && `Write ${tidy}.`;
    },
  });

/** One document. Overlays in `environments` are merged over it and then validated by this same schema. */
export const documentSchema = z.strictObject(
  {
    service: name("a name").describe("Name of the service."),
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
        { error: "a mapping from names of environments to what differs there" },
      )
      .prefault({})
      .describe(
        "By name, what differs there: merged over the rest at every depth; lists replace, `null` removes a key.",
      ),
  },
  { error: "a mapping" },
);

export type SpecDocument = z.output<typeof documentSchema>;

/** Where a number or a boolean stands for the text that the user wrote: `1.10` is a version, not 1.1. */
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
