import { expect, test } from "vitest";
import type { Observation, ServerFailure, ServerState } from "../../domain/observation.ts";
import { aGroup } from "../../domain/testing.ts";
import { failuresBetween, newsBetween } from "./notice.ts";

test("each failure is news once, also of a server that is started again under the same id", () => {
  const once = failure("i-1");
  const again = failure("i-1", 1);
  expect(failuresBetween(seen([]), seen([once]))).toEqual([["shop", once]]);
  expect(failuresBetween(seen([once]), seen([once, again, failure("i-2")]))).toEqual([
    ["shop", again],
    ["shop", failure("i-2")],
  ]);
  expect(failuresBetween(seen([once, again]), seen([again]))).toEqual([]);
});

test("a server has started before it is ready, also when no look has come between", () => {
  const kinds = (before: readonly ServerState[], after: ServerState) =>
    newsBetween(withServers(before), withServers([after])).map(({ kind }) => kind);
  expect(kinds([], "ready")).toEqual(["server.started", "server.ready"]);
  expect(kinds(["creating"], "ready")).toEqual(["server.started", "server.ready"]);
  expect(kinds(["starting"], "ready")).toEqual(["server.ready"]);
  expect(kinds(["ready"], "starting")).toEqual(["server.unready"]);
  expect(kinds(["ready"], "ready")).toEqual([]);
  expect(kinds([], "quarantined")).toEqual(["server.quarantined"]);
});

function withServers(states: readonly ServerState[]): Observation {
  return { groups: [aGroup(1, states)], routed: [] };
}

function failure(id: string, restart?: number): ServerFailure {
  return {
    id,
    release: 1,
    restart,
    atMs: 1,
    kind: "exited",
    reason: "exited with code 1",
    probes: [],
    logTail: [],
  };
}

function seen(failures: readonly ServerFailure[]): Observation {
  const group = { service: "shop", release: 1, size: 1, share: 1, servers: [], remains: [], failed: 1 };
  return { groups: [{ ...group, failures }], routed: [] };
}
