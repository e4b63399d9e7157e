import { z } from "zod";
import { devicePattern, ulimitNames } from "../../domain/spec/server-shape.ts";
import * as leaf from "../yaml/leaves.ts";
import * as v from "../yaml/values.ts";
import { environmentVariables } from "./environment.ts";
import { timeZone } from "./time-zone.ts";

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

/** The section `servers` of kiln.yaml. */
export const servers = z
  .strictObject(
    {
      count: leaf
        .whole(0, 1000)
        .prefault(1)
        .describe("Number of servers; a deploy that changes only this number scales."),
      port: leaf
        .port()
        .optional()
        .describe(
          "Port that the process listens on, inside the server: of UDP with `traffic.mode: udp`, else of TCP.",
        ),
      env: environmentVariables()
        .prefault({})
        .describe("Environment variables; numbers and booleans are used as written."),
      timeZone: timeZone()
        .optional()
        .describe(
          "Time zone of the process (`TZ`), which the image must have; default: the image's, else UTC.",
        ),
      locale: leaf
        .text({
          expected: "a locale such as C.UTF-8 or de_DE.UTF-8",
          pattern: v.localePattern,
          examples: ["de_DE.UTF-8"],
        })
        .optional()
        .describe(
          "Locale of the process (`LANG`), which the image must have; default: the image's, else C.UTF-8.",
        ),
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
      devices: leaf
        .list(
          leaf.text({
            expected: "a device such as /dev/fuse, other than the usual ones that every server has",
            pattern: devicePattern,
            examples: ["/dev/fuse"],
          }),
          "devices",
        )
        .max(16, { error: "at most 16 devices" })
        .refine((all) => new Set(all).size === all.length, { error: "each device once" })
        .prefault([])
        .describe(
          "Character devices of the machine, each allowed with `kiln access allow`; their drivers are less isolated from servers.",
        ),
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
