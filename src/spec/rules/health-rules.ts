import type { Breach, RuleInput, SpecRule } from "./rule.ts";

/** Rules of `health`. */
export const healthRules: readonly SpecRule[] = [
  oneKind,
  checkNeedsPort,
  portIsForDatagrams,
  optionsFitKind,
  headHasNoBody,
  tlsFits,
];

const kinds = ["http", "grpc", "tcp"] as const;

function* oneKind({ document: { health } }: RuleInput): Generator<Breach> {
  const [first, second] = kinds.filter((kind) => health?.[kind] !== undefined);
  if (first === undefined || second === undefined) return;
  yield {
    path: ["health", second],
    message: `\`health\` has both ${first} and ${second}; expected one of them.`,
    hint:
      second === "tcp"
        ? `Keep \`${first}\`: it checks more. An environment removes a key with \`null\`.`
        : "An environment removes a key with `null`.",
  };
}

function* checkNeedsPort({ document: { health, servers } }: RuleInput): Generator<Breach> {
  const kind = kinds.find((candidate) => health?.[candidate] !== undefined);
  if (kind === undefined || servers === undefined || servers.port !== undefined) return;
  yield {
    path: ["health", kind],
    message: `\`health.${kind}\` needs \`servers.port\`, which is missing; expected the port that the process listens on.`,
    hint: "Write for example `servers: { port: 8080 }`.",
  };
}

/** Elsewhere the port that serves is the one to check: another one says little about it. */
function* portIsForDatagrams({ document: { health, traffic } }: RuleInput): Generator<Breach> {
  if (health?.port === undefined) return;
  if (traffic?.mode !== "udp") {
    yield {
      path: ["health", "port"],
      message: "`health.port` needs `traffic.mode: udp`: other services are checked at `servers.port`.",
      hint: "Remove `port`.",
    };
  } else if (kinds.every((kind) => health[kind] === undefined)) {
    yield needs(
      "port",
      "`health.http`, `health.grpc` or `health.tcp`",
      "Write for example `http: /healthz`: UDP itself cannot be checked",
    );
  }
}

const forHttp = ["method", "headers", "status", "body"] as const;

function* optionsFitKind({ document: { health } }: RuleInput): Generator<Breach> {
  if (health === undefined || health.http !== undefined) return;
  for (const key of forHttp.filter((candidate) => health[candidate] !== undefined)) {
    yield needs(key, "`health.http`", "Write for example `http: /healthz`");
  }
  if (health.grpc !== undefined) return;
  const both = ["host", "tls", "ca"] as const;
  for (const key of both.filter((candidate) => health[candidate])) {
    yield needs(key, "`health.http` or `health.grpc`", "Write for example `http: /healthz`");
  }
}

function* headHasNoBody({ document: { health } }: RuleInput): Generator<Breach> {
  if (health?.method !== "HEAD" || health.body === undefined) return;
  yield {
    path: ["health", "body"],
    message: "`health.body` needs an answer with a body; found `method: HEAD`, whose answers have none.",
    hint: "Remove `method` to ask with GET.",
  };
}

function* tlsFits({ document: { health, traffic } }: RuleInput): Generator<Breach> {
  if (health?.ca !== undefined && !health.tls) yield needs("ca", "`health.tls`", "Write `tls: true`");
  if (!health?.tls || traffic?.mode !== "http") return;
  yield {
    path: ["health", "tls"],
    message:
      "`health.tls` asks servers by TLS, but the router passes HTTP on without TLS; expected both alike.",
    hint: "Write `traffic: { mode: tcp }` to pass TLS through to the servers, or remove `health.tls`.",
  };
}

function needs(key: string, what: string, hint: string): Breach {
  return {
    path: ["health", key],
    message: `\`health.${key}\` needs ${what}, which is missing.`,
    hint: `${hint}, or remove \`${key}\`.`,
  };
}
