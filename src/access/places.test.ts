import { expect, test } from "vitest";
import { clientOf, isLinkLocal } from "../lib/net/addresses.ts";
import { isAllowedFile, isAllowedUrl, requireAllowed, requirePlace } from "./places.ts";

test.each([
  "169.254.169.254",
  "[fe80::1]",
  "[::ffff:169.254.169.254]",
  "[::ffff:a9fe:a9fe]",
  new URL("http://2852039166/").hostname,
  new URL("http://0xA9.0xFE.0xA9.0xFE/").hostname,
  new URL("http://169.254.43518/").hostname,
])("%s is link-local", (host) => {
  expect(isLinkLocal(host)).toBe(true);
});

test.each(["example.com", "10.0.0.1", "[fd00::1]", "169.253.0.1"])("%s is not", (host) => {
  expect(isLinkLocal(host)).toBe(false);
});

test.each([
  ["https://prometheus.internal/api/v1", true],
  ["https://prometheus.internal/api", true],
  ["https://prometheus.internal/apis", false],
  ["https://prometheus.internal/api/../admin", false],
  ["https://prometheus.internal.example.com/api", false],
  ["https://user@prometheus.internal/api", false],
  ["http://prometheus.internal/api", false],
  ["https://prometheus.internal:8443/api", false],
  ["http://169.254.169.254/latest", false],
  ["file:///etc/passwd", false],
  ["nothing", false],
])("where https://prometheus.internal/api is allowed, %s: %s", (url, allowed) => {
  expect(isAllowedUrl(url, ["https://prometheus.internal/api", "http://169.254.169.254/"])).toBe(allowed);
});

test.each([
  ["/etc/kiln/tls/shop.pem", true],
  ["/etc/kiln/tls/../../shadow", false],
  ["/etc/kiln/tls/./x", false],
  ["/etc/shadow", false],
  ["etc/kiln/tls/x", false],
])("where /etc/kiln/tls/* is allowed, %s: %s", (path, allowed) => {
  expect(isAllowedFile(path, ["/etc/kiln/tls/*"])).toBe(allowed);
});

const nothing = { files: [], urls: [] };

test.each([
  { draft: { traffic: { tls: { certificate: "/etc/shadow", key: "/k" } } } },
  { change: { draft: { traffic: { tls: { certificate: "/c", key: "/etc/shadow" } } } } },
  {
    draft: { traffic: { tls: { acme: { directory: "https://acme.internal/", authority: "/etc/shadow" } } } },
  },
  { draft: { traffic: { tls: { acme: { directory: "https://169.254.169.254/" } } } } },
  {
    ladder: [
      { environment: "production", draft: { traffic: { tls: { certificate: "/etc/shadow", key: "/k" } } } },
    ],
  },
  { policy: { steps: [{}, { analysis: { http: "http://127.0.0.1:8080/" } }] } },
  { change: { policy: { steps: [{ analysis: { query: { url: "http://10.0.0.1/" } } }] } } },
])("by default a request over the network may not name %j", (asked) => {
  expect(() => requireAllowed(asked, nothing)).toThrow(/may not name/);
});

test("a request that names nothing of this machine, and the usual authority for certificates, are fine", () => {
  const directory = "https://acme-v02.api.letsencrypt.org/directory";
  requireAllowed({ service: "shop" }, nothing);
  requireAllowed({ draft: { traffic: { tls: { secret: "TLS" } } }, policy: { steps: [{}] } }, nothing);
  requireAllowed({ draft: { traffic: { tls: { acme: { directory } } } } }, nothing);
});

test("a client is an IPv4 address, or 64 bits of IPv6", () => {
  expect(clientOf("::ffff:192.0.2.1")).toBe("192.0.2.1");
  expect(clientOf("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
  expect(clientOf("2001:db8::1")).toBe(clientOf("2001:db8::2"));
  expect(clientOf("2001:db8:0:1::1")).not.toBe(clientOf("2001:db8:0:2::1"));
});

test.each([
  "/etc/kiln/tls/*",
  "/etc/tls/shop.pem",
  "https://prometheus.internal",
  "http://10.0.0.1:9090/api/v1",
])("%s can be allowed", (place) => expect(() => requirePlace(place)).not.toThrow());

test.each([
  ...["*", "/", "/*", "/etc", "/e*/tls/x", "etc/tls", "/etc/../root/*", "/etc/tls/.."],
  ...["https://*", "https://user@example.com/", "https://example.com/?a=*", "https://example.com/#x"],
  ...[
    "https://example.com/a/%2e%2e/b",
    "HTTP://example.com/",
    "http://example.com:80/",
    "https://example.com/a/../b",
  ],
  ...["/etc/tls/a\nb", "/etc/tls/\u001b[2J", "/etc/a\n/tls/x"],
  ...["http://169.254.169.254/", "file:///etc/passwd", "https://"],
])("%s cannot be", (place) => {
  expect(() => requirePlace(place)).toThrow(expect.objectContaining({ code: "usage" }));
});

test.each(["..%2fadmin", "..%5Cadmin", "x/..%2F..%2fadmin", "%2e%2e%2fadmin", "../admin", "%2e%2e/admin"])(
  "%s does not lead out of an allowed URL, however its server reads it",
  (way) => {
    const asked = (path: string) => ({
      policy: { steps: [{ analysis: { http: `http://10.0.0.1/api/${path}` } }] },
    });
    const allowed = { files: [], urls: ["http://10.0.0.1/api"] };
    expect(() => requireAllowed(asked(way), allowed)).toThrow(/may not name/);
    expect(() => requireAllowed(asked("group%2Fproject"), allowed)).not.toThrow();
  },
);
