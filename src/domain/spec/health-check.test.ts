import { expect, test } from "vitest";
import { checkWords, routerCheck } from "./health-check.ts";

test("a check is described on one line, without what may be confidential", () => {
  const headers = { Authorization: "Bearer abc" };
  const statuses = [
    { first: 200, last: 299 },
    { first: 401, last: 401 },
  ];
  const http = { kind: "http", path: "/healthz", method: "OPTIONS", headers, statuses, body: "ok" } as const;
  expect(checkWords(http)).toBe(
    'OPTIONS /healthz, headers Authorization, status 200-299,401, body with "ok"',
  );
  expect(checkWords({ kind: "grpc", service: "shop.v1", host: "a.example", tls: { ca: "x" } })).toBe(
    "gRPC health of shop.v1, host a.example, TLS of a given authority",
  );
  expect(checkWords({ kind: "tcp" })).toBe("TCP connection");
});

test.each([
  [{}, { kind: "http", path: "/" }],
  [
    { body: "ok", statuses: [{ first: 401, last: 401 }] },
    { kind: "http", path: "/" },
  ],
  [
    { method: "HEAD", host: "a.example" },
    { kind: "http", path: "/", method: "HEAD", host: "a.example" },
  ],
  [{ statuses: [{ first: 200, last: 503 }] }, { kind: "tcp" }],
  [{ headers: { a: "b" } }, { kind: "tcp" }],
  [{ tls: {} }, { kind: "tcp" }],
] as const)("for a check with %j the router makes %j", (options, expected) => {
  expect(routerCheck({ kind: "http", path: "/", ...options })).toEqual(expected);
});

test("the router connects where Kiln asks by gRPC", () => {
  expect(routerCheck({ kind: "grpc", service: "" })).toEqual({ kind: "tcp" });
  expect(routerCheck({ kind: "alive" })).toEqual({ kind: "alive" });
});
