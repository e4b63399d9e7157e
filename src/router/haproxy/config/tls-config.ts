import { join } from "node:path";
import type { ServiceKey } from "../../../domain/ids.ts";
import type { TlsSpec, TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import { certifiedHosts } from "../../../domain/traffic/listener.ts";
import { sha256 } from "../../../lib/files/sha256.ts";
import { issuedFile } from "../../acme/issuer.ts";
import type { CertificatePlace } from "../../certificate.ts";
import { previewedBy } from "../../preview-key.ts";
import type { RoutedService } from "../../router.ts";
import type { RouterPaths } from "../paths.ts";
import { quote } from "./quote.ts";

/** A service's frontend that ends TLS. */
export interface TlsFrontend {
  readonly service: RoutedService["service"];
  readonly listen: number;
  readonly mode: TrafficSpec["mode"];
  /** None: every host that no other frontend names. */
  readonly hosts: readonly string[];
  readonly tls: CertificatePlace;
}

type Frontends = readonly Pick<RoutedService, "service" | "frontends">[];

/** Every frontend with TLS, whatever the order of the services. */
export function tlsFrontends(services: Frontends, paths: RouterPaths): readonly TlsFrontend[] {
  return services
    .flatMap(({ service, frontends }) =>
      frontends.flatMap((frontend) =>
        frontend.tls === undefined
          ? []
          : [
              {
                service,
                listen: frontend.listen,
                mode: frontend.mode,
                hosts: certifiedHosts(frontend),
                tls: placeOf(service, frontend.tls, paths),
              },
            ],
      ),
    )
    .sort((a, b) => a.listen - b.listen || compare(a.hosts.join(" "), b.hosts.join(" ")));
}

/** A preview has the certificate of its service. */
export function placeOf(service: ServiceKey, tls: TlsSpec, paths: RouterPaths): CertificatePlace {
  const owner = previewedBy(service) ?? service;
  if ("secret" in tls) return { ...tls, service: owner };
  if (!("acme" in tls)) return tls;
  const file = issuedFile(paths.acme, owner);
  return { certificate: file, key: file, acme: tls.acme };
}

/** The file in the router's own folder: one for each place, whatever is there. */
export function certificateFile(place: CertificatePlace): string {
  const name = "secret" in place ? ["", place.service, place.secret] : [place.certificate, place.key];
  return `${digest(name.join("\0"))}.pem`;
}

/** A list of certificates by server name (Configuration Manual, section 5.1, `crt-list`). */
export interface CertificateList {
  readonly port: number;
  /** Named by its content: a reload that fails leaves the list of the former configuration as it was. */
  readonly file: string;
  readonly text: string;
}

/** One list for each port with TLS. */
export function certificateLists(services: Frontends, paths: RouterPaths): readonly CertificateList[] {
  const frontends = tlsFrontends(services, paths);
  return [...new Set(frontends.map((frontend) => frontend.listen))].map((port) => {
    const text = frontends
      .filter((frontend) => frontend.listen === port)
      .map(
        (frontend) =>
          `${certificateFile(frontend.tls)} ${frontend.hosts.length === 0 ? others : frontend.hosts.join(" ")}\n`,
      )
      .join("");
    return { port, file: `${port}-${digest(text)}.list`, text };
  });
}

/** The first certificate is for clients that name no host, or one that is not listed; so it needs no name of its own. */
const others = "!*";

/** Lines of the `global` section: none when no frontend has TLS. */
export function tlsGlobals(services: Frontends, paths: RouterPaths): readonly string[] {
  if (tlsFrontends(services, paths).length === 0) return [];
  return [
    `crt-base ${quote(paths.certificates)}`,
    "ssl-default-bind-options ssl-min-ver TLSv1.2",
    `ssl-default-bind-ciphers ${ciphers.join(":")}`,
  ];
}

/** For TLS 1.2, which has others: those with forward secrecy and authenticated encryption (RFC 9325, section 4.2). */
const ciphers = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"].flatMap((cipher) =>
  ["ECDHE-ECDSA", "ECDHE-RSA"].map((exchange) => `${exchange}-${cipher}`),
);

/** What follows the address of a `bind`; empty for a port without TLS. */
export function bindTls(port: number, services: Frontends, paths: RouterPaths): string {
  const list = certificateLists(services, paths).find((found) => found.port === port);
  if (list === undefined) return "";
  const isHttp = tlsFrontends(services, paths).some(
    (frontend) => frontend.listen === port && frontend.mode === "http",
  );
  return ` ssl crt-list ${quote(join(paths.certificates, list.file))}${isHttp ? " alpn h2,http/1.1" : ""}`;
}

function digest(text: string): string {
  return sha256(text).slice(0, 16);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
