import { expect, test } from "vitest";
import { httpFrontend, tcpFrontend, tlsFrontend } from "./fixtures.ts";
import { assertNoConflict, uniqueFrontends } from "./frontends.ts";

const blog = {
  service: "blog",
  frontends: [httpFrontend(80, "blog.example.com"), httpFrontend(81), tcpFrontend(82)],
};

test.each([
  [
    "the same host name on the same port",
    httpFrontend(80, "blog.example.com"),
    "blog.example.com on port 80",
  ],
  ["a second catch-all", httpFrontend(81), "port 81"],
  [
    "one of several host names",
    { ...httpFrontend(80), hosts: ["x.example.com", "blog.example.com"] },
    "blog.example.com on port 80",
  ],
  ["the same path for every host", { ...httpFrontend(81), paths: ["/x", "/"] }, "port 81"],
  ["http where there is tcp", httpFrontend(82), "port 82"],
  ["tcp where there is http", tcpFrontend(80), "port 80"],
])("%s is a conflict that names the other service", (_, frontend, what) => {
  expect(() => assertNoConflict({ service: "shop", frontends: [frontend] }, [blog])).toThrow(
    expect.objectContaining({
      code: "traffic_conflict",
      message: `The service shop can't have ${what}: the service blog has it already.`,
    }),
  );
});

test.each([
  ["another host name", httpFrontend(80, "shop.example.com")],
  ["a catch-all next to host names", httpFrontend(80)],
  ["another path", { ...httpFrontend(80, "blog.example.com"), paths: ["/api"] }],
  ["a wildcard that covers the host name", { ...httpFrontend(80), hosts: ["*.example.com"] }],
  ["another port", tcpFrontend(83)],
])("%s is none", (_, frontend) => {
  expect(() => assertNoConflict({ service: "shop", frontends: [frontend] }, [blog])).not.toThrow();
});

test("a service does not conflict with its own frontends", () => {
  expect(() => assertNoConflict(blog, [blog])).not.toThrow();
  expect(() =>
    assertNoConflict({ service: "blog", frontends: [httpFrontend(80), tcpFrontend(80)] }, []),
  ).toThrow();
});

test("a port has TLS or has not, whatever the host names", () => {
  const secure = { service: "shop", frontends: [tlsFrontend(httpFrontend(80, "shop.example.com"))] };
  expect(() => assertNoConflict(secure, [blog])).toThrow(
    "The service shop can't open port 80 with TLS: the service blog has it without TLS.",
  );
  expect(() => assertNoConflict(blog, [secure])).toThrow("without TLS: the service shop has it with TLS.");
  const both = { service: "pay", frontends: [tlsFrontend(httpFrontend(80, "pay.example.com"))] };
  expect(() => assertNoConflict(both, [secure])).not.toThrow();
});

test("repetitions are left out", () => {
  expect(uniqueFrontends([httpFrontend(81), httpFrontend(80), httpFrontend(81)])).toEqual([
    httpFrontend(80),
    httpFrontend(81),
  ]);
});
