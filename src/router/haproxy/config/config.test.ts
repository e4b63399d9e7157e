import { expect, test } from "vitest";
import { openStateFolder } from "../../../lib/state-folder.ts";
import { routerPaths } from "../paths.ts";
import { parseConfig, parseRecords, type RouterMachine, renderConfig } from "./config.ts";
import { health, httpDoor, target, tcpDoor, tlsDoor } from "./fixtures.ts";
import { certificateLists } from "./tls-config.ts";

const machine: RouterMachine = {
  paths: routerPaths(openStateFolder({ KILN_HOME: "/k" })),
  account: { user: "haproxy", group: "haproxy" },
  ipv6: true,
  openFiles: 20_000,
};
const shop = {
  service: "shop",
  doors: [httpDoor(8080, "shop.example.com")],
  health,
  targets: [target("shop-1-2-1", 80, 0, "10.0.0.2"), target("shop-1-1-1", 80, 100, "fd00::1")],
};
const blog = {
  service: "blog.staging",
  doors: [httpDoor(8080)],
  health: { ...health, check: { kind: "http" as const, path: "/it's" } },
  targets: [],
};
const db = {
  service: "db",
  doors: [tcpDoor(5432)],
  health: { ...health, check: { kind: "tcp" as const } },
  targets: [target("db-1-1-1", 5432, 1)],
};

test("what belongs to a service: its door, its host name, its servers and its record", () => {
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
      setenv kiln:blog.staging '{"doors":[{"mode":"http","listen":8080}],"health":{"check":{"kind":"http","path":"/it\\u0027s"},"intervalMs":200,"timeoutMs":500,"ready":2,"unready":3,"deadlineMs":60000}}'
      setenv kiln:db '{"doors":[{"mode":"tcp","listen":5432}],"health":{"check":{"kind":"tcp"},"intervalMs":200,"timeoutMs":500,"ready":2,"unready":3,"deadlineMs":60000}}'
      setenv kiln:shop '{"doors":[{"mode":"http","listen":8080,"host":"shop.example.com"}],"health":{"check":{"kind":"http","path":"/health"},"intervalMs":200,"timeoutMs":500,"ready":2,"unready":3,"deadlineMs":60000}}'

    frontend door:5432 from tcp
      bind 0.0.0.0:5432
      bind [::]:5432 v6only
      maxconn 2000
      default_backend tcp:db

    frontend door:8080 from http
      bind 0.0.0.0:8080
      bind [::]:8080 v6only
      maxconn 2000
      option forwardfor except 127.0.0.0/8
      http-after-response set-header Keep-Alive "timeout=70"
      use_backend next:8080 if { stopping }
      use_backend twice if { method GET HEAD OPTIONS TRACE PUT DELETE } !{ req.hdr(upgrade) -m found }
      default_backend once

    backend next:8080 from http
      server next 127.0.0.1:8080

    backend once from http
      server last 'unix@/last' send-proxy-v2

    backend twice from http
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
    { ...shop, doors: [tlsDoor(httpDoor(443, "shop.example.com"), tls("shop"))] },
    { ...blog, doors: [tlsDoor(httpDoor(443), tls("blog"))] },
    { ...db, doors: [tlsDoor(tcpDoor(5432), tls("db"))] },
  ];
  const text = renderConfig(services, { ...machine, ipv6: false });
  const [second, first] = certificateLists(services).toReversed();
  expect([first?.port, second?.port]).toEqual([443, 5432]);
  expect(first?.text).toMatch(/^[0-9a-f]{16}\.pem !\*\n[0-9a-f]{16}\.pem shop\.example\.com\n$/);
  const lines = text.split("\n").filter((line) => /crt|ssl|https/.test(line) && !line.includes("setenv"));
  expect(lines).toEqual([
    "  crt-base '/k/router/tls'",
    "  ssl-default-bind-options ssl-min-ver TLSv1.2",
    expect.stringMatching(/^ {2}ssl-default-bind-ciphers ECDHE-[A-Z0-9:-]+$/),
    `  bind 0.0.0.0:5432 ssl crt-list '/k/router/tls/${second?.file}'`,
    `  bind 0.0.0.0:443 ssl crt-list '/k/router/tls/${first?.file}' alpn h2,http/1.1`,
    "  http-request set-header X-Forwarded-Proto https",
    "  server next 127.0.0.1:443 ssl verify none",
  ]);
});

test("without a check nothing is checked", () => {
  const alive = { ...db, health: { ...health, check: { kind: "alive" as const } } };
  expect(renderConfig([alive], machine)).toMatch(/server db-1-1-1 127.0.0.1:5432 weight 1\n/);
});

test("a service that goes from http to tcp has a backend for each", () => {
  const both = { ...shop, doors: [httpDoor(8080), tcpDoor(8081)] };
  const text = renderConfig([both], machine);
  expect(text).toContain("\nbackend http:shop from counted\n");
  expect(text).toContain("\nbackend tcp:shop from tcp\n");
});

test("a file that is not ours holds no services", () => {
  expect(parseConfig("")).toEqual([]);
  expect(parseConfig("global\n  daemon\n\nbackend shop\n  server a 1.2.3.4:5\n")).toEqual([]);
});

test("records are found among the rest of the environment", () => {
  const json = JSON.stringify({ doors: db.doors, health: db.health });
  expect(parseRecords(`PATH=/bin\nkiln:db=${json}\n\n`)).toEqual([
    { service: "db", doors: db.doors, health: db.health },
  ]);
});

function withoutDefaults(text: string): string {
  return text
    .split("\n\n")
    .filter((block) => !block.startsWith("defaults "))
    .join("\n\n");
}
