import { expect, test } from "vitest";
import type { Listener } from "../../../lib/process/listeners.ts";
import { listensByIpv6, refusalReason } from "./refusal.ts";

const at = (port: number, reach: Listener["reach"] = "any", family: Listener["family"] = 4): Listener => ({
  ...{ port, reach, address: "", family, inode: "1" },
});

test.each([
  ["nothing", [], "it listens on no port yet"],
  ["its port", [at(8080)], ""],
  ["its port, but for itself", [at(8080, "loopback"), at(9)], "it listens on port 8080 only for itself"],
  ["its port at an address of its own", [at(8080, "one")], "it listens on port 8080 at another address"],
  ["other ports", [at(3000), at(80), at(3000)], "it does not listen on port 8080, but on 80, 3000 ("],
  ["many", [1, 2, 3, 4, 5, 6].map((port) => at(port)), "but on 1, 2, 3, 4, 5, … ("],
])("who listens on %s", (_, listeners, words) => {
  const reason = refusalReason(8080, listeners);
  expect(words === "" ? reason === "" : reason.includes(words), reason).toBe(true);
});

test("who refuses by IPv4 and listens by IPv6 is reached there", () => {
  expect(listensByIpv6(8080, [at(8080, "any", 6), at(8080, "loopback"), at(9)])).toBe(true);
  expect(listensByIpv6(8080, [at(8080, "one", 6)])).toBe(true);
  expect(listensByIpv6(8080, [at(8080, "any", 6), at(8080)])).toBe(false);
  expect(listensByIpv6(8080, [at(8080, "loopback", 6), at(9, "any", 6)])).toBe(false);
});
