import { z } from "zod";
import { allowPattern } from "../../domain/spec/network.ts";
import * as leaf from "../yaml/leaves.ts";

/** The section `network` of kiln.yaml. */
export const network = z
  .strictObject(
    {
      allow: leaf
        .list(
          leaf.text({
            expected: "a service, such as web, web.staging, web.kiln.internal or *.staging",
            pattern: allowPattern,
            examples: ["web", "web.staging", "*"],
          }),
          "services",
        )
        .max(100, { error: "at most 100 services" })
        .optional()
        .describe(
          "Services whose servers may reach this one; `*` is every service. Default: services of the same environment.",
        ),
      metadata: z
        .boolean({ error: "true or false" })
        .optional()
        .meta({ default: false })
        .describe(
          "Servers reach the metadata service of the machine's cloud: they can read this machine's cloud credentials.",
        ),
    },
    { error: "a mapping with allow or metadata" },
  )
  .describe("Which other services reach this one, and what its servers reach of the cloud.");
