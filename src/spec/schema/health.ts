import { z } from "zod";
import * as leaf from "../yaml/leaves.ts";
import * as v from "../yaml/values.ts";

const hostName = leaf.text({
  expected: "a host name such as shop.example.com",
  pattern: v.hostPattern,
  examples: ["shop.example.com"],
  parse: v.plainHost,
});

const headers = z.record(
  z.string().regex(v.headerNamePattern, { error: "the name of a header, such as X-Check" }),
  z
    .string({ error: "a text" })
    .regex(v.headerValuePattern, { error: "a text of visible ASCII characters, at most 2000" }),
  { error: "a mapping from names of headers to texts" },
);

const grpc = z.union(
  [
    z
      .literal(true, { error: "true, or the name of a gRPC service such as shop.v1.Shop" })
      .transform(() => ""),
    leaf.text({ expected: "true, or the name of a gRPC service", pattern: /^[A-Za-z0-9_./-]{1,200}$/ }),
  ],
  { error: "true, or the name of a gRPC service such as shop.v1.Shop" },
);

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
        .describe("Path that must answer; by default a GET with a 2xx or 3xx status."),
      grpc: grpc
        .optional()
        .describe(
          "`grpc.health.v1` must answer SERVING: for the named service, or with `true` for the whole server.",
        ),
      tcp: z
        .literal(true, { error: "true" })
        .optional()
        .describe("The port must accept a connection; the default if there is a port of TCP."),
      port: leaf
        .port()
        .optional()
        .describe("TCP port of the server to check, for `mode: udp`; default: `servers.port`."),
      method: leaf
        .oneOf("GET", "HEAD", "OPTIONS")
        .optional()
        .meta({ default: "GET" })
        .describe("Method of an HTTP check."),
      host: hostName
        .optional()
        .describe("Host name that the check asks for; default: the service's first one, else its address."),
      headers: headers.optional().describe("Headers of an HTTP check; not for secrets."),
      status: leaf
        .text({
          expected: "statuses and ranges of them, such as 200-299,401",
          pattern: v.statusesPattern,
          examples: ["200-299,401"],
          parse: v.parseStatuses,
        })
        .optional()
        .describe("Statuses that pass an HTTP check; default: 200-399."),
      body: leaf
        .text({ expected: "a text of at most 1000 characters", pattern: /^[^\0]{1,1000}$/ })
        .optional()
        .describe("Text that the first 64 KiB of the answer's body must contain."),
      tls: z
        .boolean({ error: "true or false" })
        .prefault(false)
        .describe("The server speaks TLS; its certificate is only checked if `ca` is given."),
      ca: leaf
        .text({
          expected: "a certificate in PEM form",
          pattern: /^\s*-----BEGIN CERTIFICATE-----[\s\S]{1,60000}-----END CERTIFICATE-----\s*$/,
          hint: () => "Write the content of the file, below `ca: |`.",
        })
        .optional()
        .describe("Authorities, as text in PEM form, that may have signed the server's certificate."),
      startPeriod: leaf
        .duration("0s")
        .prefault("0s")
        .describe(
          "How long a new server may take to its first success before failed checks and `deadline` count.",
        ),
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
  .describe(
    "When a server is healthy: `http`, `grpc`, `tcp`, or, without a port of TCP, while its process runs.",
  );
