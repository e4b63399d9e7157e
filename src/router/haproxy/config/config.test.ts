import { expect, test } from "vitest";
import { openStateFolder, stateOfTarget } from "../../../lib/state-folder.ts";
import { routerPaths } from "../paths.ts";
import { parseConfig, parseRecords, renderConfig, routesOf } from "./config.ts";
import { health, httpFrontend, tcpFrontend, tlsFrontend, upstream } from "./fixtures.ts";
import type { RouterMachine } from "./router-machine.ts";
import { certificateLists } from "./tls-config.ts";

const machine: RouterMachine = {
  paths: routerPaths(openStateFolder({ KILN_HOME: "/k" })),
  account: { user: "haproxy", group: "haproxy" },
  ipv6: true,
  openFiles: 20_000,
  takesAccessLog: true,
};
const shop = {
  service: "shop",
  frontends: [httpFrontend(8080, "shop.example.com")],
  health,
  upstreams: [upstream("shop-1-2-1", 80, 0, "10.0.0.2"), upstream("shop-1-1-1", 80, 100, "fd00::1")],
};
const blog = {
  service: "blog.staging",
  frontends: [httpFrontend(8080)],
  health: { ...health, check: { kind: "http" as const, path: "/it's" } },
  upstreams: [],
};
const db = {
  service: "db",
  frontends: [tcpFrontend(5432)],
  health: { ...health, check: { kind: "tcp" as const } },
  upstreams: [upstream("db-1-1-1", 5432, 1)],
};

test("what belongs to a service: its frontend, its host name, its servers and its record", () => {
  expect(withoutDefaults(renderConfig([shop, db, blog], machine))).toMatchInlineSnapshot(`
    "# Written by Kiln with every change; edits are overwritten.
    global
      nbthread 2
      fd-hard-limit 20000
      hard-stop-after 12h
      mworker-max-reloads 50
      stats socket '/k/router/runtime.sock' mode 600 level admin
      user haproxy
      group haproxy
      chroot '/k/router/jail'
      setenv kiln:blog.staging '{"frontends":[{"mode":"http","listen":8080}],"health":{"check":{"kind":"http","path":"/it\\u0027s"},"intervalMs":200,"timeoutMs":500,"ready":2,"unready":3,"deadlineMs":60000}}'
      setenv kiln:db '{"frontends":[{"mode":"tcp","listen":5432}],"health":{"check":{"kind":"tcp"},"intervalMs":200,"timeoutMs":500,"ready":2,"unready":3,"deadlineMs":60000}}'
      setenv kiln:shop '{"frontends":[{"mode":"http","listen":8080,"host":"shop.example.com"}],"health":{"check":{"kind":"http","path":"/health"},"intervalMs":200,"timeoutMs":500,"ready":2,"unready":3,"deadlineMs":60000}}'

    frontend listen:5432 from tcp
      bind 0.0.0.0:5432
      bind [::]:5432 v6only
      maxconn 2000
      default_backend tcp:db

    frontend listen:8080 from http
      bind 0.0.0.0:8080
      bind [::]:8080 v6only
      bind 'unix@/k/router/jail/at-8080' mode 600 user haproxy accept-proxy
      maxconn 2000
      http-after-response set-header Keep-Alive "timeout=70"
      use_backend next:8080 if { stopping }
      use_backend twice if { method GET HEAD OPTIONS TRACE PUT DELETE } !{ req.hdr(upgrade) -m found }
      default_backend once

    backend next:8080 from http
      server at-8080 'unix@/at-8080' send-proxy-v2

    backend once from http
      timeout server 605000ms
      timeout tunnel 3605000ms
      server last 'unix@/last' send-proxy-v2

    backend twice from http
      timeout server 605000ms
      timeout tunnel 3605000ms
      retries 1
      retry-on empty-response junk-response
      use-server first if TRUE
      server first 'unix@/first' weight 0 send-proxy-v2
      server pause0 'unix@/pause0' send-proxy-v2
      server pause1 'unix@/pause1' send-proxy-v2
      server pause2 'unix@/pause2' send-proxy-v2
      server pause3 'unix@/pause3' send-proxy-v2
      server pause4 'unix@/pause4' send-proxy-v2
      server pause5 'unix@/pause5' send-proxy-v2
      server pause6 'unix@/pause6' send-proxy-v2
      server pause7 'unix@/pause7' send-proxy-v2

    listen pause0 from tcp
      bind 'unix@/k/router/jail/pause0' mode 600 user haproxy
      tcp-request inspect-delay 200ms
      tcp-request content accept if WAIT_END
      server last 'unix@/last'

    listen pause1 from tcp
      bind 'unix@/k/router/jail/pause1' mode 600 user haproxy
      tcp-request inspect-delay 240ms
      tcp-request content accept if WAIT_END
      server last 'unix@/last'

    listen pause2 from tcp
      bind 'unix@/k/router/jail/pause2' mode 600 user haproxy
      tcp-request inspect-delay 280ms
      tcp-request content accept if WAIT_END
      server last 'unix@/last'

    listen pause3 from tcp
      bind 'unix@/k/router/jail/pause3' mode 600 user haproxy
      tcp-request inspect-delay 320ms
      tcp-request content accept if WAIT_END
      server last 'unix@/last'

    listen pause4 from tcp
      bind 'unix@/k/router/jail/pause4' mode 600 user haproxy
      tcp-request inspect-delay 360ms
      tcp-request content accept if WAIT_END
      server last 'unix@/last'

    listen pause5 from tcp
      bind 'unix@/k/router/jail/pause5' mode 600 user haproxy
      tcp-request inspect-delay 400ms
      tcp-request content accept if WAIT_END
      server last 'unix@/last'

    listen pause6 from tcp
      bind 'unix@/k/router/jail/pause6' mode 600 user haproxy
      tcp-request inspect-delay 440ms
      tcp-request content accept if WAIT_END
      server last 'unix@/last'

    listen pause7 from tcp
      bind 'unix@/k/router/jail/pause7' mode 600 user haproxy
      tcp-request inspect-delay 480ms
      tcp-request content accept if WAIT_END
      server last 'unix@/last'

    frontend first from http
      bind 'unix@/k/router/jail/first' mode 600 user haproxy accept-proxy
      errorfile 502 /dev/null
      http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.),field(1,"/")
      http-request set-var-fmt(txn.at) "%[dst_port]:%[var(txn.host)]%[path]/"
      http-request set-var(txn.to) var(txn.at),map_beg('/k/router/routes/routes-84ebcf7cf0af0d1f.map')
      http-request set-var-fmt(txn.at) "%[dst_port]:%[path]/" unless { var(txn.to) -m found }
      http-request set-var(txn.to) var(txn.at),map_beg('/k/router/routes/routes-84ebcf7cf0af0d1f.map') unless { var(txn.to) -m found }
      http-request del-header '^(x[-_]forwarded[-_]|x[-_]real[-_]ip$|forwarded$)' -m reg
      http-request set-header X-Forwarded-Proto http if !{ req.hdr(X-Forwarded-Proto) -m found }
      http-request set-header X-Forwarded-Host %[req.hdr(host)] if !{ req.hdr(X-Forwarded-Host) -m found }
      http-request set-header X-Forwarded-Port %[dst_port] if !{ req.hdr(X-Forwarded-Port) -m found }
      option forwardfor
      use_backend %[var(txn.to)] if { var(txn.to) -m found }
      default_backend no-service

    frontend last from http
      bind 'unix@/k/router/jail/last' mode 600 user haproxy accept-proxy
      http-error status 502 content-type text/plain string "The server broke off before it had answered.\\n"
      http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.),field(1,"/")
      http-request set-var-fmt(txn.at) "%[dst_port]:%[var(txn.host)]%[path]/"
      http-request set-var(txn.to) var(txn.at),map_beg('/k/router/routes/routes-84ebcf7cf0af0d1f.map')
      http-request set-var-fmt(txn.at) "%[dst_port]:%[path]/" unless { var(txn.to) -m found }
      http-request set-var(txn.to) var(txn.at),map_beg('/k/router/routes/routes-84ebcf7cf0af0d1f.map') unless { var(txn.to) -m found }
      http-request del-header '^(x[-_]forwarded[-_]|x[-_]real[-_]ip$|forwarded$)' -m reg
      http-request set-header X-Forwarded-Proto http if !{ req.hdr(X-Forwarded-Proto) -m found }
      http-request set-header X-Forwarded-Host %[req.hdr(host)] if !{ req.hdr(X-Forwarded-Host) -m found }
      http-request set-header X-Forwarded-Port %[dst_port] if !{ req.hdr(X-Forwarded-Port) -m found }
      option forwardfor
      use_backend %[var(txn.to)] if { var(txn.to) -m found }
      default_backend no-service

    backend no-service from http
      http-request return status 404 content-type text/plain string "No service has this host name and path here.\\n"

    backend response-times from http
      stick-table type string len 128 size 20k expire 24h store gpc(52)

    backend http:blog.staging from counted
      timeout check 500ms
      option httpchk
      http-check send meth GET uri '/it'\\''s' ver HTTP/1.1 hdr Host localhost hdr Connection close
      http-check expect status 200-499

    backend tcp:db from tcp
      timeout check 500ms
      server db-1-1-1 127.0.0.1:5432 weight 1 check inter 200ms rise 2 fall 3 observe layer4 error-limit 10 on-error mark-down

    backend http:shop from counted
      timeout check 500ms
      option httpchk
      http-check send meth GET uri '/health' ver HTTP/1.1 hdr Host shop.example.com hdr Connection close
      http-check expect status 200-499
      server shop-1-1-1 [fd00::1]:80 weight 100 check inter 200ms rise 2 fall 3 observe layer4 error-limit 10 on-error mark-down
      server shop-1-2-1 10.0.0.2:80 weight 0 check inter 200ms rise 2 fall 3 observe layer4 error-limit 10 on-error mark-down
    "
  `);
});

test("a port that is closed is open only to the worker that leaves, and its requests lead where they did", () => {
  const closed = {
    ...shop,
    frontends: shop.frontends.map((frontend) => ({ ...frontend, closed: true as const })),
  };
  const text = renderConfig([closed, blog, db], machine);
  expect(text).toContain("bind 0.0.0.0:8080"); // another service has it open
  const alone = renderConfig(
    [closed, { ...db, frontends: [{ ...tcpFrontend(5432), closed: true }] }],
    machine,
  );
  expect(alone).not.toContain("bind 0.0.0.0");
  expect(alone).toContain("frontend listen:8080");
  expect(routesOf([closed]).text).toBe(routesOf([shop]).text);
  expect(parseConfig(text).find(({ service }) => service === "shop")?.frontends).toEqual(closed.frontends);
});

test("the first class that a response time fits is counted, and what comes by a preview is not", () => {
  const text = renderConfig([shop, { ...shop, service: "shop_preview" }], machine);
  const [first, second] = [5, 6].map((ms) => `if { var(txn.took) -m int le ${ms} }`);
  expect(text).toContain(
    [
      `  http-response sc-inc-gpc(4,0) ${first}`,
      `  http-response allow ${first}`,
      `  http-response sc-inc-gpc(5,0) ${second}`,
      `  http-response allow ${second}`,
    ].join("\n"),
  );
  expect(text).toContain("\nbackend http:shop from counted\n");
  expect(text).toContain("\nbackend http:shop_preview from http\n");
});

test("services on one port without a catch-all: other hosts lead to no service", () => {
  const text = renderConfig([shop], { ...machine, ipv6: false, account: undefined });
  expect(text).toContain("  default_backend no-service\n");
  expect(text).not.toMatch(/v6only|user|chroot/);
});

test("the order in which services are given does not matter", () => {
  expect(renderConfig([shop, db, blog], machine)).toBe(renderConfig([blog, shop, db], machine));
});

test("TLS: a certificate for each host name, the service without one first", () => {
  const tls = (name: string) => ({ certificate: `/certs/${name}.pem`, key: `/certs/${name}.key` });
  const services = [
    { ...shop, frontends: [tlsFrontend(httpFrontend(443, "shop.example.com"), tls("shop"))] },
    { ...blog, frontends: [tlsFrontend(httpFrontend(443), tls("blog"))] },
    { ...db, frontends: [tlsFrontend(tcpFrontend(5432), tls("db"))] },
  ];
  const text = renderConfig(services, { ...machine, ipv6: false });
  const [second, first] = certificateLists(services, machine.paths).toReversed();
  expect([first?.port, second?.port]).toEqual([443, 5432]);
  expect(first?.text).toMatch(/^[0-9a-f]{16}\.pem !\*\n[0-9a-f]{16}\.pem shop\.example\.com\n$/);
  const lines = text.split("\n").filter((line) => /crt|ssl|https/.test(line) && !line.includes("setenv"));
  expect(lines).toEqual([
    "  crt-base '/k/router/tls'",
    "  ssl-default-bind-options ssl-min-ver TLSv1.2",
    expect.stringMatching(/^ {2}ssl-default-bind-ciphers ECDHE-[A-Z0-9:-]+$/),
    `  bind 0.0.0.0:5432 ssl crt-list '/k/router/tls/${second?.file}'`,
    `  bind 0.0.0.0:443 ssl crt-list '/k/router/tls/${first?.file}' alpn h2,http/1.1`,
    ...["first", "last"].map(
      () =>
        "  http-request set-header X-Forwarded-Proto https if !{ req.hdr(X-Forwarded-Proto) -m found } { dst_port 443 }",
    ),
  ]);
});

test("what a service asks of its requests is in its own rules and its own backend", () => {
  const frontend = {
    ...httpFrontend(8443, "a.example"),
    tls: { certificate: "/c.pem", key: "/k.pem" },
    address: "fd00::5",
    redirect: { http: 8080, hosts: ["www.a.example"] },
    sticky: true,
    protocol: "h2c" as const,
    trustedProxies: ["10.0.0.0/8", "fd00::1"],
    acceptProxy: true,
    sendProxy: true,
    limits: { bodyBytes: 10, headersBytes: 20, timeoutMs: 900_000, idleMs: 7_200_000 },
  };
  const spoken = { protocol: "h2c" as const, sendProxy: true };
  const upstreams = shop.upstreams.map((one) => ({ ...one, ...spoken }));
  const asked = renderConfig([{ ...shop, upstreams, frontends: [frontend] }], machine).split("\n");
  const without = new Set(renderConfig([shop], machine).split("\n"));
  expect(
    asked.filter((line) => !without.has(line) && !line.includes("setenv")).join("\n"),
  ).toMatchInlineSnapshot(`
    "  crt-base '/k/router/tls'
      ssl-default-bind-options ssl-min-ver TLSv1.2
      ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
      timeout client 900000ms
      bind [fd00::5]:8080
      maxconn 2000
      tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 fd00::1 }
      http-request set-dst-port int(8080)
    frontend listen:8443 from http
      bind [fd00::5]:8443 ssl crt-list '/k/router/tls/8443-a1f62a21dd80c492.list' alpn h2,http/1.1
      bind 'unix@/k/router/jail/at-8443' mode 600 user haproxy accept-proxy
      maxconn 2000
      tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 fd00::1 }
      http-request set-dst-port int(8443)
      use_backend next:8443 if { stopping }
    backend next:8443 from http
      server at-8443 'unix@/at-8443' send-proxy-v2
      timeout server 905000ms
      timeout tunnel 7205000ms
      timeout server 905000ms
      timeout tunnel 7205000ms
      http-request set-var(txn.to) var(txn.at),map_beg('/k/router/routes/routes-4f5224890fc337e9.map')
      http-request return status 431 content-type text/plain string "The headers are larger than 20 bytes.\\n" if { var(txn.to) -m str http:shop } { dst_port 8443 } { req.hdrs,length gt 20 }
      http-request return status 413 content-type text/plain string "The body is larger than 10 bytes.\\n" if { var(txn.to) -m str http:shop } { dst_port 8443 } { req.body_size gt 10 }
      http-request return status 411 content-type text/plain string "The request has to state the length of its body.\\n" if { var(txn.to) -m str http:shop } { dst_port 8443 } { req.hdr(transfer-encoding) -m found }
      http-request set-var(txn.trusted) bool(true) if { var(txn.to) -m str http:shop } { dst_port 8443 } { src 10.0.0.0/8 fd00::1 }
      http-request del-header '^(x[-_]forwarded[-_]|x[-_]real[-_]ip$|forwarded$)' -m reg unless { var(txn.trusted) -m found }
      http-request set-header X-Forwarded-Proto https if !{ req.hdr(X-Forwarded-Proto) -m found } { dst_port 8443 }
      http-request set-var(txn.to) var(txn.at),map_beg('/k/router/routes/routes-4f5224890fc337e9.map')
      http-request return status 431 content-type text/plain string "The headers are larger than 20 bytes.\\n" if { var(txn.to) -m str http:shop } { dst_port 8443 } { req.hdrs,length gt 20 }
      http-request return status 413 content-type text/plain string "The body is larger than 10 bytes.\\n" if { var(txn.to) -m str http:shop } { dst_port 8443 } { req.body_size gt 10 }
      http-request return status 411 content-type text/plain string "The request has to state the length of its body.\\n" if { var(txn.to) -m str http:shop } { dst_port 8443 } { req.hdr(transfer-encoding) -m found }
      http-request set-var(txn.trusted) bool(true) if { var(txn.to) -m str http:shop } { dst_port 8443 } { src 10.0.0.0/8 fd00::1 }
      http-request del-header '^(x[-_]forwarded[-_]|x[-_]real[-_]ip$|forwarded$)' -m reg unless { var(txn.trusted) -m found }
      http-request set-header X-Forwarded-Proto https if !{ req.hdr(X-Forwarded-Proto) -m found } { dst_port 8443 }
    backend redirect:https:8443: from http
      http-request redirect code 308 location https://%[var(txn.host)]:8443%[pathq]
    backend redirect:https:8443:a.example from http
      http-request redirect code 308 location https://a.example:8443%[pathq]
      http-check send meth GET uri '/health' ver HTTP/1.1 hdr Host a.example hdr Connection close
      balance hash var(txn.client)
      hash-type consistent
      http-request set-var(txn.client) req.cook(kiln_shop)
      http-request set-var(txn.new) uuid() unless { var(txn.client) -m found }
      http-request set-var(txn.client) var(txn.new) if { var(txn.new) -m found }
      http-after-response add-header Set-Cookie 'kiln_shop=%[var(txn.new)]; Path=/; HttpOnly; SameSite=Lax; Secure' if { var(txn.new) -m found }
      timeout server 900000ms
      timeout tunnel 7200000ms
      server shop-1-1-1 [fd00::1]:80 weight 100 id 869625934 proto h2 send-proxy-v2 check inter 200ms rise 2 fall 3 observe layer4 error-limit 10 on-error mark-down check-proto h1
      server shop-1-2-1 10.0.0.2:80 weight 0 id 1551074109 proto h2 send-proxy-v2 check inter 200ms rise 2 fall 3 observe layer4 error-limit 10 on-error mark-down check-proto h1"
  `);
});

test("every socket fits into the address that the system has for it, also as it is bound", () => {
  const state = openStateFolder({ KILN_HOME: `/${"k".repeat(66)}` });
  const paths = routerPaths(stateOfTarget(state, "production"));
  const text = renderConfig([{ ...shop, frontends: [httpFrontend(65_535)] }], { ...machine, paths });
  const sockets = [...text.matchAll(/bind 'unix@([^']+)'/g)].map(([, path]) => `${path}.4194304.tmp`);
  expect(sockets.length).toBeGreaterThan(10);
  expect(sockets.filter((path) => path.length > 107)).toEqual([]);
});

test("without a check nothing is checked", () => {
  const alive = { ...db, health: { ...health, check: { kind: "alive" as const } } };
  expect(renderConfig([alive], machine)).toMatch(/server db-1-1-1 127.0.0.1:5432 weight 1\n/);
});

test("a service that goes from http to tcp has a backend for each", () => {
  const both = { ...shop, frontends: [httpFrontend(8080), tcpFrontend(8081)] };
  const text = renderConfig([both], machine);
  expect(text).toContain("\nbackend http:shop from counted\n");
  expect(text).toContain("\nbackend tcp:shop from tcp\n");
});

test("a file that is not ours holds no services", () => {
  expect(parseConfig("")).toEqual([]);
  expect(parseConfig("global\n  daemon\n\nbackend shop\n  server a 1.2.3.4:5\n")).toEqual([]);
});

test("records are found among the rest of the environment", () => {
  const json = JSON.stringify({ frontends: db.frontends, health: db.health });
  expect(parseRecords(`PATH=/bin\nkiln:db=${json}\n\n`)).toEqual([
    { service: "db", frontends: db.frontends, health: db.health },
  ]);
});

test("a record that Kiln 0.1 wrote is read: its frontends were called doors", () => {
  const json = JSON.stringify({ doors: db.frontends, health: db.health });
  expect(parseRecords(`kiln:db=${json}`)).toEqual([
    { service: "db", frontends: db.frontends, health: db.health },
  ]);
});

function withoutDefaults(text: string): string {
  return text
    .split("\n\n")
    .filter((block) => !block.startsWith("defaults "))
    .join("\n\n");
}

test("what servers ask by name has a frontend of its own, at an address that need not be there yet", () => {
  const named = (listen: number, mode: "http" | "tcp") => ({
    ...{ mode, listen, host: undefined, address: "10.192.4.1", named: 8080 },
  });
  const services = [
    { ...shop, frontends: [...shop.frontends, named(24001, "http")] },
    { ...db, frontends: [named(24002, "tcp")] },
  ];
  const text = renderConfig(services, machine);
  const blockOf = (port: number) => text.slice(text.indexOf(`frontend listen:${port} `)).split("\n\n")[0];
  expect(blockOf(24001)).toContain("bind 10.192.4.1:24001 transparent\n");
  expect(blockOf(24001)).toContain("http-request set-dst-port int(24001)\n");
  expect(blockOf(24002)).toContain("bind 10.192.4.1:24002 transparent\n");
  expect(blockOf(24002)).toContain("default_backend tcp:db");
  expect(blockOf(8080)).not.toContain("set-dst-port");
  expect(routesOf(services).text).toContain("24001:/ http:shop\n");
  expect(parseConfig(text).map(({ frontends }) => frontends)).toEqual(
    [services[1], services[0]].map((s) => s?.frontends),
  );
});
