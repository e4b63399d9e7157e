import { mostTrafficBytes, trafficBytes } from "../../domain/traffic/listener.ts";
import { toTraffic } from "../service-spec.ts";
import type { Breach, RuleInput, SpecRule } from "./rule.ts";

/** Rules of `traffic`. */
export const trafficRules: readonly SpecRule[] = [
  trafficNeedsPort,
  onlyForHttp,
  onlyForConnections,
  hostOrHosts,
  stripNeedsPaths,
  certificate,
  acmeProvesNames,
  redirects,
  proxiesAreNamed,
  limitsFitMode,
  fitsRecord,
  previewApart,
];

function* trafficNeedsPort({ document: { traffic, servers } }: RuleInput): Generator<Breach> {
  if (!traffic || !servers || servers.port !== undefined) return;
  yield {
    path: ["traffic"],
    message:
      "`traffic` needs `servers.port`, which is missing; expected the port that the process listens on.",
    hint: "Write for example `servers: { port: 8080 }`.",
  };
}

const forHttp = [
  ...(["host", "hosts", "paths", "stripPrefix", "redirect", "sticky", "protocol", "maintenance"] as const),
  ...(["accessLog"] as const),
];

function* onlyForHttp({ document: { traffic } }: RuleInput): Generator<Breach> {
  if (traffic === undefined || traffic.mode === "http") return;
  const found = forHttp.find((key) => traffic[key] !== undefined && traffic[key] !== false);
  if (found === undefined || (found === "sticky" && traffic.mode === "udp")) return;
  yield {
    path: ["traffic", found],
    message: `\`traffic.${found}\` needs \`mode: http\`: ${plainWords(traffic.mode)} no requests.`,
    hint: `Remove \`${found}\`, or give each service its own port.`,
  };
}

function plainWords(mode: "tcp" | "udp"): string {
  return mode === "tcp" ? "plain TCP has" : "UDP has";
}

const forConnections = ["tls", "limits", "trustedProxies", "acceptProxy", "sendProxy"] as const;

/** The kernel passes datagrams on as they are. */
function* onlyForConnections({ document: { traffic } }: RuleInput): Generator<Breach> {
  if (traffic?.mode !== "udp") return;
  const found = forConnections.find((key) => traffic[key] !== undefined && traffic[key] !== false);
  if (found !== undefined) {
    yield {
      path: ["traffic", found],
      message: `\`traffic.${found}\` needs \`mode: http\` or \`mode: tcp\`: datagrams of UDP are passed on as they are.`,
      hint: `Remove \`${found}\`.`,
    };
  }
  if (traffic.address?.includes(":")) {
    yield {
      path: ["traffic", "address"],
      message: "`traffic.address` is an IPv6 address; with `mode: udp` expected one of IPv4.",
      hint: "Datagrams of UDP are passed on by IPv4 only.",
    };
  }
}

function* hostOrHosts({ document: { traffic } }: RuleInput): Generator<Breach> {
  if (traffic?.host === undefined || traffic.hosts === undefined) return;
  yield {
    path: ["traffic", "hosts"],
    message: "`traffic` has both host and hosts; expected one of them.",
    hint: "Write all names in `hosts`. An environment removes a key with `null`.",
  };
}

function* stripNeedsPaths({ document: { traffic } }: RuleInput): Generator<Breach> {
  if (!traffic?.stripPrefix || traffic.paths !== undefined) return;
  yield {
    path: ["traffic", "stripPrefix"],
    message: "`traffic.stripPrefix` needs `traffic.paths`, which is missing; expected the paths to strip.",
    hint: "Write for example `paths: [/api]`.",
  };
}

function* certificate({ document: { traffic } }: RuleInput): Generator<Breach> {
  if (traffic?.tls === undefined) return;
  const { certificate, key, secret, acme } = traffic.tls;
  const hint =
    "Write `tls: { certificate: ./fullchain.pem, key: ./key.pem }`, `tls: { secret: NAME }` or `tls: { acme: {} }`.";
  const hasFiles = certificate !== undefined || key !== undefined;
  const [first, second] = [hasFiles && "files", secret && "a secret", acme && "acme"].filter((way) => way);
  if (second !== undefined) {
    yield {
      path: ["traffic", "tls", second === "acme" ? "acme" : "secret"],
      message: `\`traffic.tls\` has both ${first} and ${second}; expected one of them.`,
      hint: "An environment removes a key with `null`.",
    };
  } else if (secret === undefined && acme === undefined && (certificate === undefined || key === undefined)) {
    const missing = certificate === undefined ? "certificate" : "key";
    yield {
      path: ["traffic", "tls"],
      message: `\`traffic.tls.${missing}\` is missing; expected a certificate and its key.`,
      hint,
    };
  }
}

function* acmeProvesNames({ document: { traffic } }: RuleInput): Generator<Breach> {
  if (traffic?.tls?.acme === undefined) return;
  const path = ["traffic", "tls", "acme"];
  const { mode, host, hosts = [], redirect, listen } = traffic;
  const all = [...(host === undefined ? [] : [host]), ...hosts, ...(redirect?.hosts ?? [])];
  const byDns = traffic.tls.acme.challenge === "dns-01";
  const wildcard = byDns ? undefined : all.find((name) => name.startsWith("*"));
  if (mode === "tcp") {
    yield {
      path,
      message: "`traffic.tls.acme` needs `mode: http`: the authority asks for a page.",
      hint: "Let another tool renew the certificate, and name its files.",
    };
  } else if (all.length === 0) {
    yield {
      path,
      message: "`traffic.tls.acme` needs `traffic.host`, which is missing; expected the name to certify.",
      hint: "Write for example `host: shop.example.com`.",
    };
  } else if (wildcard !== undefined) {
    yield {
      path,
      message: `\`traffic.tls.acme\` cannot certify ${wildcard}: authorities issue wildcards only to those who change the DNS.`,
      hint: "Write `challenge: dns-01`, for which the installation needs a program, or name each host.",
    };
  } else if (!byDns && listen === 80 && redirect?.http === undefined) {
    yield {
      path,
      message:
        "`traffic.tls.acme` needs port 80 for the authority, and `traffic.listen` has it; expected another port.",
      hint: "Write `listen: 443`.",
    };
  }
}

function* redirects({ document: { traffic } }: RuleInput): Generator<Breach> {
  const { redirect, tls, host, hosts = [], listen, preview } = traffic ?? {};
  if (redirect?.http !== undefined && tls === undefined) {
    yield {
      path: ["traffic", "redirect", "http"],
      message:
        "`traffic.redirect.http` needs `traffic.tls`, which is missing; expected the certificate for https.",
      hint: "Write `tls: { certificate: ./fullchain.pem, key: ./key.pem }`.",
    };
  }
  if (redirect?.http !== undefined && [listen, preview].includes(redirect.http)) {
    yield {
      path: ["traffic", "redirect", "http"],
      message: `\`traffic.redirect.http\` is ${redirect.http}, which the service has already; expected another port.`,
      hint: "Plain HTTP and https need a port each, such as 80 and 443.",
    };
  }
  const own = [...(host === undefined ? [] : [host]), ...hosts];
  if (redirect?.hosts !== undefined && !own.some((name) => !name.startsWith("*"))) {
    yield {
      path: ["traffic", "redirect", "hosts"],
      message: "`traffic.redirect.hosts` needs a host name of the service to redirect to, which is missing.",
      hint: "Write for example `host: shop.example.com`.",
    };
  }
  const both = redirect?.hosts?.find((name) => own.includes(name));
  if (both === undefined) return;
  yield {
    path: ["traffic", "redirect", "hosts"],
    message: `${both} is both a host name of the service and redirected; expected one of them.`,
    hint: "Leave it out of one list.",
  };
}

function* proxiesAreNamed({ document: { traffic } }: RuleInput): Generator<Breach> {
  if (!traffic?.acceptProxy || traffic.trustedProxies !== undefined) return;
  yield {
    path: ["traffic", "acceptProxy"],
    message:
      "`traffic.acceptProxy` needs `traffic.trustedProxies`, which is missing; expected who is believed.",
    hint: "Write for example `trustedProxies: [10.0.0.0/8]`.",
  };
}

function* limitsFitMode({ document: { traffic } }: RuleInput): Generator<Breach> {
  if (traffic?.mode !== "tcp") return;
  const found = (["body", "headers", "timeout"] as const).find((key) => traffic.limits?.[key] !== undefined);
  if (found === undefined) return;
  yield {
    path: ["traffic", "limits", found],
    message: `\`traffic.limits.${found}\` needs \`mode: http\`: plain TCP has no requests.`,
    hint: "Use `idle` for connections of plain TCP.",
  };
}

function* fitsRecord({ document: { traffic } }: RuleInput): Generator<Breach> {
  if (traffic === undefined) return;
  const bytes = trafficBytes(toTraffic(traffic, undefined));
  if (bytes <= mostTrafficBytes) return;
  yield {
    path: ["traffic"],
    message: `\`traffic\` takes ${bytes} bytes in the router; expected at most ${mostTrafficBytes}.`,
    hint: "Use a wildcard for many host names, or a shorter maintenance page.",
  };
}

function* previewApart({ document: { traffic } }: RuleInput): Generator<Breach> {
  if (traffic?.preview === undefined || traffic.preview !== traffic.listen) return;
  yield {
    path: ["traffic", "preview"],
    message: `\`traffic.preview\` is ${traffic.preview}, the same as \`traffic.listen\`; expected another port.`,
    hint: "`listen` serves all traffic; `preview` reaches only the new release.",
  };
}
