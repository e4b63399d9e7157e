import { z } from "zod";
import { emailPattern } from "../../domain/spec/traffic-spec.ts";
import * as leaf from "../yaml/leaves.ts";

const names = <T extends z.ZodType<string>>(name: T, what: string) =>
  leaf
    .list(name, what)
    .min(1, { error: `at least one of the ${what}` })
    .max(100, { error: `at most 100 ${what}` });

/** https://letsencrypt.org/docs/acme-protocol-updates/ */
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory";

const flag = () => z.boolean({ error: "true or false" }).optional().meta({ default: false });

const acme = z
  .strictObject(
    {
      email: leaf
        .text({
          expected: "an address for mail, such as ops@example.com",
          pattern: emailPattern,
          examples: ["ops@example.com"],
        })
        .optional()
        .describe("Where the authority writes to, if it does; default: it knows no address."),
      challenge: leaf
        .oneOf("http-01", "dns-01")
        .optional()
        .meta({ default: "http-01" })
        .describe(
          "How the authority checks the host names: a page on port 80, or a DNS record that this installation's program adds; wildcards need `dns-01`.",
        ),
      directory: leaf
        .text({
          expected: "the https URL of an ACME directory",
          pattern: /^https:\/\/[!-~]{1,1900}$/,
          examples: [letsEncrypt],
        })
        .prefault(letsEncrypt)
        .describe("The authority's directory; by naming it you accept its terms of service."),
      authority: leaf
        .machinePath("the path of certificates in PEM form, such as /etc/ssl/own-authority.pem")
        .optional()
        .describe("What the directory's own certificate is checked with, besides the usual authorities."),
    },
    { error: "a mapping, such as {} or { email: ops@example.com }" },
  )
  .describe("An authority issues the certificate by ACME, and Kiln renews it.");

/** The section `traffic` of kiln.yaml. */
export const traffic = z
  .strictObject(
    {
      listen: leaf
        .port()
        .describe("Port of the machine that the router listens on: of UDP with `mode: udp`, else of TCP."),
      preview: leaf
        .port()
        .optional()
        .describe(
          "Port, as `listen`, that reaches only the new release, for any host, during a rollout; closed at other times.",
        ),
      host: leaf
        .hostName()
        .optional()
        .describe("Host name of this service, if several services share a port; default: every other host."),
      hosts: names(leaf.hostOrWildcard(), "host names")
        .optional()
        .describe("Several host names, or wildcards such as `*.example.com`, instead of `host`."),
      paths: names(leaf.routePath(), "paths")
        .optional()
        .describe(
          "Paths of this service, with everything below them; the longest match wins; default: every path.",
        ),
      stripPrefix: flag().describe("Servers get requests without the part of the path that is in `paths`."),
      mode: leaf
        .oneOf("http", "tcp", "udp")
        .prefault("http")
        .describe("HTTP requests, plain TCP connections, or UDP datagrams."),
      tls: z
        .strictObject(
          {
            certificate: leaf
              .machinePath("the path of a certificate in PEM form, such as ./fullchain.pem")
              .optional()
              .describe("Certificate of the server in PEM form, followed by its intermediate certificates."),
            key: leaf
              .machinePath("the path of a private key in PEM form, such as ./key.pem")
              .optional()
              .describe("Private key of the certificate in PEM form, not encrypted."),
            secret: leaf
              .secretName()
              .optional()
              .describe("Secret whose newest version has the certificate and its key, instead of two files."),
            acme: acme.optional(),
          },
          { error: "a mapping with certificate and key, with secret, or with acme" },
        )
        .optional()
        .describe("The router terminates TLS, and loads renewed files automatically; default: no TLS."),
      address: leaf
        .ipAddress()
        .optional()
        .describe("IP address of the machine that the router listens on; default: every address."),
      redirect: z
        .strictObject(
          {
            http: leaf
              .port()
              .optional()
              .describe("TCP port for plain HTTP; its requests are redirected to https on `listen`."),
            hosts: names(leaf.hostName(), "host names")
              .optional()
              .describe("Further host names, redirected to the first one of the service."),
          },
          { error: "a mapping with http or hosts" },
        )
        .optional()
        .describe("Requests that are answered with the service's address (status 308)."),
      sticky: flag().describe(
        "A cookie, or with `mode: udp` its address, keeps a client with its server as long as the servers stay the same.",
      ),
      protocol: leaf
        .oneOf("http1", "h2c")
        .optional()
        .meta({ default: "http1" })
        .describe("What servers speak; gRPC needs `h2c`, HTTP/2 without TLS."),
      trustedProxies: leaf
        .list(leaf.network(), "addresses or networks")
        .min(1, { error: "at least one address or network" })
        .max(100, { error: "at most 100 addresses or networks" })
        .optional()
        .describe(
          "Proxies in front of the router; their `X-Forwarded-*` and `Forwarded` headers are passed on.",
        ),
      acceptProxy: flag().describe("`trustedProxies` announce their clients by the PROXY protocol."),
      sendProxy: flag().describe("The router announces clients to servers by the PROXY protocol, version 2."),
      maintenance: leaf
        .text({ expected: "a text of at most 4000 characters", pattern: /^[^\0]{1,4000}$/ })
        .optional()
        .describe(
          "HTML page or plain text for status 503, while no server can answer; default: one sentence.",
        ),
      limits: z
        .strictObject(
          {
            body: leaf
              .size()
              .optional()
              .describe(
                "Largest body of a request, which must state its length; else 413 or 411; default: any.",
              ),
            headers: leaf
              .size()
              .optional()
              .describe(
                "Largest headers of a request in total, else 431; default: 15KiB with the request line.",
              ),
            timeout: leaf
              .duration("10ms")
              .optional()
              .describe("How long a server may be silent in a request, else 504; default: 10m."),
            idle: leaf
              .duration("10ms")
              .optional()
              .describe(
                "How long a WebSocket (default: 1h) or a TCP connection (default: 24h) may be silent.",
              ),
          },
          { error: "a mapping with body, headers, timeout or idle" },
        )
        .optional()
        .describe("What the router allows; requests beyond it are answered in plain text."),
      accessLog: flag().describe(
        "The router keeps a line of each request, without its query; `kiln logs --access` prints them.",
      ),
    },
    { error: "a mapping that describes the incoming traffic" },
  )
  .describe("How traffic reaches the servers; without this section they get no traffic.");
