import type { ServiceKey } from "../../../domain/ids.ts";
import { previewedBy } from "../../preview-key.ts";
import type { RoutedService } from "../../router.ts";
import { backendName } from "./names.ts";
import { inLines, quote } from "./quote.ts";

/** The file descriptor of the pipe that HAProxy writes to; its master and all workers inherit it. */
const accessDescriptor = 3;

/** What a pipe takes in one piece, however many write to it (`PIPE_BUF` of pipe(7)). */
const longestLine = 4_096;

/**
 * What the ways of requests carry out once the service is known. HAProxy writes lines to a pipe that Kiln reads, and drops
 * what does not fit: neither a slow disk nor a missing controller delays a request. Each line is the backend and a JSON
 * object, which holds the texts of a client as JSON escapes them, in ASCII: whatever they contain, they stay texts.
 */
export function accessRules(services: readonly RoutedService[]): readonly string[] {
  const logged = services.filter(isLogged);
  if (logged.length === 0) return [];
  const named = inLines(logged.map(({ service }) => backendName(service, "http")));
  return [
    `log fd@${accessDescriptor} len ${longestLine} format raw local0`,
    `log-format ${quote(`%[var(txn.to)] {%[var(txn.entry)],${answered}}`)}`,
    "http-request set-log-level silent",
    ...named.map((some) => `http-request set-var(txn.logged) bool(true) if { var(txn.to) -m str ${some} }`),
    `http-request set-log-level info ${ifLogged}`,
    `http-request set-var(txn.asker) src ${ifLogged}`,
    ...logged.flatMap(askerRules),
    `http-request set-var-fmt(txn.entry) ${quote(asked)} ${ifLogged}`,
  ];
}

/** The service of a backend's name, as it stands at the beginning of a line. */
export function loggedService(backend: string): ServiceKey | undefined {
  const [, key] = /^http:([a-z][a-z0-9.-]*(?:_preview)?)$/.exec(backend) ?? [];
  return key === undefined ? undefined : (previewedBy(key) ?? key);
}

export function isLogged({ frontends }: Pick<RoutedService, "frontends">): boolean {
  return frontends.some(({ mode, accessLog: isOn }) => mode === "http" && isOn);
}

const ifLogged = "if { var(txn.logged) -m found }";

/** A header is text of the client, of any length. */
const text = (fetched: string, bytes: number) => `%[${fetched},bytes(0,${bytes}),json(ascii)]`;

const asked = [
  '"at":%[date(0,ms)]',
  '"client":"%[var(txn.asker)]"',
  '"method":"%[method,bytes(0,32),json(ascii)]"',
  `"host":"${text("req.hdr(host)", 255)}"`,
  `"path":"${text("path", 1_024)}"`,
].join(",");

const answered = '"status":%ST,"bytes":%B,"ms":%Ta,"server":"%s","end":"%ts"';

/** How many proxies may stand in a row. */
const mostHops = 4;

/** From the end of `X-Forwarded-For`: the first address that no trusted proxy has. */
function askerRules({ service, frontends }: RoutedService): readonly string[] {
  const backend = backendName(service, "http");
  return frontends.flatMap(({ listen, trustedProxies = [] }) =>
    Array.from({ length: mostHops }, (_, i) => i + 1).flatMap((hop) =>
      inLines(trustedProxies).map((some) => {
        const here = `{ var(txn.to) -m str ${backend} } { dst_port ${listen} }`;
        const isProxy = `{ var(txn.asker) -m ip ${some} } { req.hdr_cnt(x-forwarded-for) ge ${hop} }`;
        return `http-request set-var(txn.asker) req.hdr_ip(x-forwarded-for,-${hop}) if ${here} ${isProxy}`;
      }),
    ),
  );
}
