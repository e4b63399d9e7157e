import { type BoundFrontend, proxyRules } from "./frontend-config.ts";
import { quote } from "./quote.ts";

/** The folder of the sockets over which HAProxy connects to itself. */
export interface InnerSockets {
  /** Its path when they are bound. */
  readonly bound: string;
  /** Its path for the worker. */
  readonly seen: string;
  /** The account that the worker changes to, if it does. */
  readonly user: string | undefined;
}

/** The longest silence of any service, in a request and in a WebSocket. */
export interface Silence {
  readonly timeoutMs: number;
  readonly tunnelMs: number;
}

/** Methods that may be carried out twice (RFC 9110, section 9.2.2). An upgrade makes a connection without an end. */
const repeatable = "{ method GET HEAD OPTIONS TRACE PUT DELETE } !{ req.hdr(upgrade) -m found }";

/**
 * When a server has just died, others may be dying. One that is still takes connections, and what is sent over them is lost:
 * a repetition comes so much later that they refuse instead. Requests that were in one server when it died are repeated at
 * different times: if one of them was its end, it may end another server, and should not find the others there again.
 */
const pausesMs = [200, 240, 280, 320, 360, 400, 440, 480];

/**
 * The way of requests from the ports to the backends of services, in two layers. HAProxy counts in one number how often it has
 * connected again because nothing could be sent, and how often it has sent again (Configuration Manual, "retries"). The first
 * may happen ten times, the second once. So an outer layer holds a request until its answer begins, and sends it once more
 * when the inner layer closes the connection without an answer; the inner one connects until a server is reached.
 * `rules`: what is done with a request before it goes to a backend.
 */
export function httpBlocks(
  frontends: readonly BoundFrontend[],
  rules: readonly string[],
  sockets: InnerSockets,
  silence: Silence,
): readonly (readonly string[])[] {
  return [
    ...frontends.flatMap((frontend) => frontendBlocks(frontend, sockets)),
    ...outerBlocks(sockets, silence),
    ...innerBlocks(rules, sockets),
    noService,
  ];
}

function frontendBlocks(frontend: BoundFrontend, sockets: InnerSockets): readonly (readonly string[])[] {
  const { port, binds, clients, proxies, isTranslated, challenges } = frontend;
  return [
    [
      `frontend listen:${port} from http`,
      ...binds,
      `${bind(`at-${port}`, sockets)} accept-proxy`,
      `maxconn ${clients}`,
      ...proxyRules(frontend),
      // A proxy says by which of its own ports a request came in, and the kernel what was translated; the routes go by this one.
      ...(proxies === undefined && !isTranslated ? [] : [`http-request set-dst-port int(${port})`]),
      ...challenges,
      // With notice, a client does not send a request just when its idle connection is closed.
      'http-after-response set-header Keep-Alive "timeout=70"',
      // A worker that leaves has an old list of servers: what still comes in goes to the worker that has the new one.
      `use_backend next:${port} if { stopping }`,
      `use_backend twice if ${repeatable}`,
      "default_backend once",
    ],
    [`backend next:${port} from http`, `${server(`at-${port}`, sockets)} send-proxy-v2`],
  ];
}

function outerBlocks(
  sockets: InnerSockets,
  { timeoutMs, tunnelMs }: Silence,
): readonly (readonly string[])[] {
  // Longer than the inner layer, which has the right answer.
  const patience = [`timeout server ${timeoutMs + 5_000}ms`, `timeout tunnel ${tunnelMs + 5_000}ms`];
  return [
    ["backend once from http", ...patience, `${server("last", sockets)} send-proxy-v2`],
    [
      "backend twice from http",
      ...patience,
      "retries 1",
      "retry-on empty-response junk-response",
      // A first try is sent by this rule. What is sent again is balanced over the servers that have a weight.
      "use-server first if TRUE",
      `${server("first", sockets)} weight 0 send-proxy-v2`,
      ...pausesMs.map((_, i) => `${server(`pause${i}`, sockets)} send-proxy-v2`),
    ],
    // In a frontend of HTTP the pause would be over as soon as the request is complete.
    ...pausesMs.map((ms, i) => [
      `listen pause${i} from tcp`,
      bind(`pause${i}`, sockets),
      `tcp-request inspect-delay ${ms}ms`,
      "tcp-request content accept if WAIT_END",
      server("last", sockets),
    ]),
  ];
}

/** The PROXY protocol says by which port a request came in. */
function innerBlocks(rules: readonly string[], sockets: InnerSockets): readonly (readonly string[])[] {
  const inner = (name: string, brokenOff: string) => [
    `frontend ${name} from http`,
    `${bind(name, sockets)} accept-proxy`,
    brokenOff,
    ...rules,
    "use_backend %[var(txn.to)] if { var(txn.to) -m found }",
    "default_backend no-service",
  ];
  return [
    inner("first", "errorfile 502 /dev/null"),
    // An explicit answer: when a connection only closes, many clients send their request again by themselves.
    inner("last", plainError(502, "The server broke off before it had answered.")),
  ];
}

const noService = [
  "backend no-service from http",
  'http-request return status 404 content-type text/plain string "No service has this host name and path here.\\n"',
];

function server(socket: string, { seen }: InnerSockets): string {
  return `server ${socket} ${quote(`unix@${seen}/${socket}`)}`;
}

function bind(socket: string, { bound, user }: InnerSockets): string {
  return `bind ${quote(`unix@${bound}/${socket}`)} mode 600${user === undefined ? "" : ` user ${user}`}`;
}

/** What clients see when HAProxy itself has to answer. */
export function plainError(status: number, words: string): string {
  return `http-error status ${status} content-type text/plain string "${words}\\n"`;
}
