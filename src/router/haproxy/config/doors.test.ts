import { expect, test } from "vitest";
import { assertNoConflict, uniqueDoors } from "./doors.ts";
import { httpDoor, tcpDoor, tlsDoor } from "./fixtures.ts";

const blog = { service: "blog", doors: [httpDoor(80, "blog.example.com"), httpDoor(81), tcpDoor(82)] };

test.each([
  ["the same host name on the same port", httpDoor(80, "blog.example.com"), "blog.example.com on port 80"],
  ["a second catch-all", httpDoor(81), "port 81"],
  [
    "one of several host names",
    { ...httpDoor(80), hosts: ["x.example.com", "blog.example.com"] },
    "blog.example.com on port 80",
  ],
  ["the same path for every host", { ...httpDoor(81), paths: ["/x", "/"] }, "port 81"],
  ["http where there is tcp", httpDoor(82), "port 82"],
  ["tcp where there is http", tcpDoor(80), "port 80"],
])("%s is a conflict that names the other service", (_, door, what) => {
  expect(() => assertNoConflict({ service: "shop", doors: [door] }, [blog])).toThrow(
    expect.objectContaining({
      code: "traffic_conflict",
      message: `The service shop can't have ${what}: the service blog has it already.`,
    }),
  );
});

test.each([
  ["another host name", httpDoor(80, "shop.example.com")],
  ["a catch-all next to host names", httpDoor(80)],
  ["another path", { ...httpDoor(80, "blog.example.com"), paths: ["/api"] }],
  ["a wildcard that covers the host name", { ...httpDoor(80), hosts: ["*.example.com"] }],
  ["another port", tcpDoor(83)],
])("%s is none", (_, door) => {
  expect(() => assertNoConflict({ service: "shop", doors: [door] }, [blog])).not.toThrow();
});

test("a service does not conflict with its own doors", () => {
  expect(() => assertNoConflict(blog, [blog])).not.toThrow();
  expect(() => assertNoConflict({ service: "blog", doors: [httpDoor(80), tcpDoor(80)] }, [])).toThrow();
});

test("a port has TLS or has not, whatever the host names", () => {
  const secure = { service: "shop", doors: [tlsDoor(httpDoor(80, "shop.example.com"))] };
  expect(() => assertNoConflict(secure, [blog])).toThrow(
    "The service shop can't open port 80 with TLS: the service blog has it without TLS.",
  );
  expect(() => assertNoConflict(blog, [secure])).toThrow("without TLS: the service shop has it with TLS.");
  const both = { service: "pay", doors: [tlsDoor(httpDoor(80, "pay.example.com"))] };
  expect(() => assertNoConflict(both, [secure])).not.toThrow();
});

test("repetitions are left out", () => {
  expect(uniqueDoors([httpDoor(81), httpDoor(80), httpDoor(81)])).toEqual([httpDoor(80), httpDoor(81)]);
});
