import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import { listenersOf } from "../../../domain/traffic/listener.ts";
import type { RoutedService } from "../../router.ts";
import { backendName } from "./names.ts";
import { inLines, quote } from "./quote.ts";

/**
 * What is said of a request before it goes to a server, once its service is known: who asked, and by which way. What
 * strangers say of that themselves is removed. Only proxies that the service trusts are believed.
 */
export function forwardedRules(services: readonly RoutedService[]): readonly string[] {
  const believed = frontendsOf(services).flatMap(({ service, frontend: { listen, trustedProxies } }) =>
    trustedProxies === undefined
      ? []
      : inLines(trustedProxies).map(
          (some) =>
            `http-request set-var(txn.trusted) bool(true) if ${isFor(service)} { dst_port ${listen} } { src ${some} }`,
        ),
  );
  const unlessTrusted = believed.length === 0 ? "" : " unless { var(txn.trusted) -m found }";
  const set = (name: string, value: string, condition = "") =>
    `http-request set-header ${name} ${value} if !{ req.hdr(${name}) -m found }${condition}`;
  const secure = securePorts(services);
  return [
    ...believed,
    `http-request del-header ${quote(aboutClients)} -m reg${unlessTrusted}`,
    ...(secure.length === 0 ? [] : [set("X-Forwarded-Proto", "https", ` { dst_port ${secure.join(" ")} }`)]),
    set("X-Forwarded-Proto", "http"),
    set("X-Forwarded-Host", "%[req.hdr(host)]"),
    set("X-Forwarded-Port", "%[dst_port]"),
    "option forwardfor",
  ];
}

/** Requests that are larger than their service allows, answered before they reach a server. */
export function limitRules(services: readonly RoutedService[]): readonly string[] {
  return frontendsOf(services).flatMap(({ service, frontend: { listen, limits = {} } }) => {
    const { bodyBytes, headersBytes } = limits;
    const here = `${isFor(service)} { dst_port ${listen} }`;
    return [
      ...(headersBytes === undefined
        ? []
        : [
            refusal(
              431,
              `The headers are larger than ${headersBytes} bytes.`,
              `${here} { req.hdrs,length gt ${headersBytes} }`,
            ),
          ]),
      ...(bodyBytes === undefined
        ? []
        : [
            refusal(
              413,
              `The body is larger than ${bodyBytes} bytes.`,
              `${here} { req.body_size gt ${bodyBytes} }`,
            ),
            refusal(
              411,
              "The request has to state the length of its body.",
              `${here} { req.hdr(transfer-encoding) -m found }`,
            ),
          ]),
    ];
  });
}

/** Also with underscores: CGI and what is made after it cannot tell them from hyphens (RFC 3875, section 4.1.18). */
const aboutClients = "^(x[-_]forwarded[-_]|x[-_]real[-_]ip$|forwarded$)";

function frontendsOf(
  services: readonly RoutedService[],
): readonly { service: string; frontend: TrafficSpec }[] {
  return services.flatMap(({ service, frontends }) =>
    frontends.filter(({ mode }) => mode === "http").map((frontend) => ({ service, frontend })),
  );
}

function securePorts(services: readonly RoutedService[]): readonly number[] {
  const listeners = services.flatMap(({ frontends }) => frontends.flatMap(listenersOf));
  const secure = listeners.filter(({ port }) => port.isTls && port.mode === "http");
  return [...new Set(secure.map(({ listen }) => listen))].sort((a, b) => a - b);
}

/** By the variable that the routes have set. */
function isFor(service: string): string {
  return `{ var(txn.to) -m str ${backendName(service, "http")} }`;
}

function refusal(status: number, words: string, condition: string): string {
  return `http-request return status ${status} content-type text/plain string "${words}\\n" if ${condition}`;
}
