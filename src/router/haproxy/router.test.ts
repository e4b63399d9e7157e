import { expect, test } from "vitest";
import { openStateFolder } from "../../lib/state-folder.ts";
import { serialQueue } from "../queue.ts";
import { mayBindAnyPort } from "./config/ports.ts";
import { routerPaths } from "./paths.ts";
import { readinessOf } from "./process/probe.ts";
import { batches } from "./process/socket.ts";

test("an old HAProxy is a problem with a remedy", () => {
  expect(readinessOf("HAProxy version 2.6.12-1+deb12u4 2026/10/17")).toEqual({
    facts: ["HAProxy 2.6.12"],
    problems: [],
  });
  expect(readinessOf("HAProxy version 3.0-dev1").problems).toEqual([]);
  expect(readinessOf("HA-Proxy version 2.2.9").problems[0]?.what).toBe("HAProxy 2.2.9 is older than 2.6.");
  expect(readinessOf("").problems).toHaveLength(1);
});

test("a capability, not a user name, decides who may open low ports", () => {
  expect(mayBindAnyPort("Name:\tnode\nCapEff:\t0000000000000400\n")).toBe(true);
  expect(mayBindAnyPort("Name:\tnode\nCapEff:\t0000000000000000\n")).toBe(false);
  expect(mayBindAnyPort("")).toBe(false);
});

test("commands are joined up to what HAProxy can read at once", () => {
  const command = "x".repeat(5_000);
  expect(batches(["a", "b"])).toEqual(["a;b"]);
  expect(batches([command, command, command]).map((line) => line.length)).toEqual([10_001, 5_000]);
  expect(batches([])).toEqual([]);
});

test("work goes one after the other, and a failure holds up nothing", async () => {
  const inTurn = serialQueue();
  const seen: string[] = [];
  const first = inTurn(async () => {
    await Promise.resolve();
    seen.push("first");
    throw new Error("no");
  });
  const second = inTurn(async () => seen.push("second"));
  await expect(first).rejects.toThrow("no");
  await second;
  expect(seen).toEqual(["first", "second"]);
});

test("the socket names fit below the longest state folder, with HAProxy's temporary suffix", () => {
  const paths = routerPaths(openStateFolder({ KILN_HOME: `/${"k".repeat(66)}` }));
  for (const path of [paths.runtimeSocket, paths.masterSocket]) {
    expect(`${path}.4194304.tmp`.length).toBeLessThanOrEqual(107);
  }
});
