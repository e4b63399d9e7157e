import { expect, test } from "vitest";
import type { TrafficSpec } from "../spec/traffic-spec.ts";
import { certifiedHosts, clashOf, isAlike, listenersOf, mainHost, previewFrontend } from "./listener.ts";

const plain: TrafficSpec = { mode: "http", listen: 80, host: undefined };
const tls = { certificate: "/c", key: "/k" };
const secure: TrafficSpec = {
  ...{ mode: "http", listen: 443, host: undefined, tls },
  ...{ hosts: ["*.a.example", "a.example"], redirect: { http: 80, hosts: ["b.example"] } },
};

test.each<[string, TrafficSpec, TrafficSpec, string | undefined]>([
  ["another port", plain, { ...plain, listen: 81 }, undefined],
  ["every request twice", plain, plain, "match"],
  ["a host name next to every host", plain, { ...plain, host: "a.example" }, undefined],
  ["a path next to every path", plain, { ...plain, paths: ["/api"] }, undefined],
  ["the same path", { ...plain, paths: ["/x", "/api"] }, { ...plain, paths: ["/api"] }, "match"],
  ["tcp on a port of http", plain, { ...plain, mode: "tcp" }, "mode"],
  ["TLS on a plain port", plain, { ...plain, host: "a.example", tls }, "isTls"],
  ["the port of redirects", secure, { ...plain, host: "c.example" }, undefined],
  ["a name that is redirected", secure, { ...plain, host: "b.example" }, "match"],
  ["TLS on the port of redirects", secure, { ...plain, host: "c.example", tls }, "isTls"],
  ["another address", plain, { ...plain, host: "a.example", address: "10.0.0.1" }, "address"],
  [
    "other proxies",
    { ...plain, acceptProxy: true, trustedProxies: ["10.0.0.1"] },
    { ...plain, host: "a.example", acceptProxy: true, trustedProxies: ["10.0.0.2"] },
    "proxies",
  ],
  ["proxies that are only trusted", plain, { ...plain, host: "a", trustedProxies: ["10.0.0.2"] }, undefined],
])("%s", (_, a, b, expected) => {
  expect(clashOf(a, b)?.kind).toBe(expected);
  expect(clashOf(b, a)?.kind).toBe(expected);
});

test("releases of one service may share a port unless one of them wants another thing of it", () => {
  expect(isAlike(plain, { ...plain, host: "a.example" })).toBe(true);
  expect(isAlike(plain, { ...plain, tls })).toBe(false);
  expect(isAlike(plain, secure)).toBe(true);
  expect(isAlike({ ...plain, mode: "tcp" }, secure)).toBe(false);
});

test("redirects lead from both ports to the first name without a wildcard, and need its certificate", () => {
  expect(mainHost(secure)).toBe("a.example");
  expect(certifiedHosts(secure)).toEqual(["*.a.example", "a.example", "b.example"]);
  const led = listenersOf(secure).map(({ listen, routes }) => [
    listen,
    ...routes.map(
      ({ match, redirect }) => `${match.host} > ${redirect?.host ?? redirect?.scheme ?? "server"}`,
    ),
  ]);
  expect(led).toEqual([
    [443, "*.a.example > server", "a.example > server", "b.example > a.example"],
    [80, "*.a.example > https", "a.example > https", "b.example > a.example"],
  ]);
});

test("a preview is for any host, has the same paths and redirects nothing", () => {
  expect(previewFrontend(secure)).toBeUndefined();
  expect(previewFrontend({ ...secure, paths: ["/api"], preview: 81 })).toEqual({
    ...{ mode: "http", listen: 81, host: undefined, tls, paths: ["/api"] },
  });
});
