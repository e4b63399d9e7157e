import { z } from "zod";
import { localTarget } from "../../domain/target.ts";
import * as leaf from "../yaml/leaves.ts";
import type { Path } from "../yaml/tree.ts";
import * as v from "../yaml/values.ts";
import { drift } from "./drift.ts";
import { health } from "./health.ts";
import { image } from "./image.ts";
import { jobs } from "./jobs.ts";
import { network } from "./network.ts";
import { rollout } from "./rollout.ts";
import { servers } from "./servers.ts";
import { traffic } from "./traffic.ts";

/** The one description of kiln.yaml: it validates the file, and the JSON Schema for editors and the reference come from it. */

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
        "The target that the service runs on, as `kiln target ls` lists it; `kiln move` brings it to another one.",
      ),
    after: leaf
      .list(name("the name of a service"), "names of services")
      .max(100, { error: "at most 100 services" })
      .prefault([])
      .describe("Services that must serve before this one's rollout begins, in `kiln deploy --all`."),
    ladder: leaf
      .list(name("the name of an environment"), "names of environments")
      .min(2, { error: "at least 2 environments" })
      .max(16, { error: "at most 16 environments" })
      .optional()
      .describe(
        "Environments that an image climbs with `kiln promote`, from the lowest; none of them changes `image`.",
      ),
    image,
    servers: servers.prefault({}),
    health: health.prefault({}),
    traffic: traffic.optional(),
    network: network.prefault({}),
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
  "image.args.*",
  "image.env.*",
  "image.labels.*",
  "servers.env.*",
  "health.headers.*",
  "health.status",
  "jobs.before.*.command.*",
  "jobs.after.*.command.*",
  "jobs.cron.*.command.*",
].map((path) => path.split("."));

export function isWrittenText(path: Path): boolean {
  return writtenAsText.some(
    (pattern) =>
      pattern.length === path.length && pattern.every((step, i) => step === "*" || step === path[i]),
  );
}
