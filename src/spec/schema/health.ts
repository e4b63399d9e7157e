import { z } from "zod";
import * as leaf from "../yaml/leaves.ts";
import * as v from "../yaml/values.ts";

/** The section `health` of kiln.yaml. */
export const health = z
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
