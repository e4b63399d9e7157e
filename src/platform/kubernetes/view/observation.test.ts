import { expect, test } from "vitest";
import { key } from "../objects/names.ts";
import { FailureMemory } from "./failures.ts";
import { observationOf } from "./observation.ts";
import { at, bornMs, pod, replicaSet, service, view } from "./testing.ts";

const look = (parts: Parameters<typeof view>[0], memory = new FailureMemory()) => {
  const seen = view(parts);
  memory.note(seen);
  return observationOf(seen, "web", memory);
};
const ended = (exitCode: number, restartCount: number, more = {}) => ({
  restartCount,
  state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } },
  lastState: {
    terminated: { exitCode, startedAt: at(2), finishedAt: at(5), message: "a\nlast words\n", ...more },
  },
});

test("ready pods of the releases that are selected have the traffic, each the same part of it", () => {
  const second = { labels: { [key.release]: "2" } };
  const pods = [pod("a"), pod("b"), pod("c", second), pod("d", { ready: false })];
  const { groups, routed, addresses } = look({
    replicaSets: [replicaSet(3)],
    pods,
    services: [service("1,2")],
  });
  const [one, two] = groups;
  expect([one?.share, two?.share]).toEqual([2 / 3, 1 / 3]);
  expect(one).toMatchObject({
    size: 3,
    servers: [
      { state: "ready", inTraffic: true },
      { inTraffic: true },
      { state: "starting", inTraffic: false },
    ],
  });
  expect(routed).toEqual(["shop"]);
  expect(addresses).toEqual([{ service: "shop", url: "http://shop.web.svc:8080" }]);
});

test("a group that goes is there as long as its ReplicaSet is, though no pod is seen", () => {
  expect(look({ replicaSets: [replicaSet(0)] }).groups).toMatchObject([
    { size: 0, servers: [], remains: ["shop-1"] },
  ]);
  expect(look({ services: [service("1")] }).groups).toMatchObject([
    { release: 1, size: 0, share: 1, remains: [] },
  ]);
});

test("a pod that the cluster cannot place says so", () => {
  const condition = {
    type: "PodScheduled",
    status: "False",
    message: "0/3 nodes are available: 3 Insufficient memory.",
  };
  const lost = pod("a", { ready: false, container: { state: { waiting: {} } }, conditions: [condition] });
  expect(look({ replicaSets: [replicaSet(1)], pods: [lost] }).groups[0]?.servers[0]).toMatchObject({
    state: "creating",
    health: "no node takes it: 0/3 nodes are available: 3 Insufficient memory.",
  });
});

test("each end of a container is one failure, with its last words, however often it is seen", () => {
  const memory = new FailureMemory();
  const crash = (restarts: number) =>
    look(
      { replicaSets: [replicaSet(1)], pods: [pod("a", { ready: false, container: ended(3, restarts) })] },
      memory,
    );
  crash(0);
  crash(0);
  expect(crash(1).groups[0]).toMatchObject({
    failed: 2,
    failures: [
      {
        id: "a",
        restart: 0,
        kind: "exited",
        reason: "exited with code 3 after 3 s",
        logTail: ["a", "last words"],
        atMs: bornMs + 5000,
      },
      { restart: 1 },
    ],
  });
  expect(
    look(
      {
        replicaSets: [replicaSet(1)],
        pods: [pod("a", { container: { ...ended(3, 2), state: { running: {} } } })],
      },
      memory,
    ).groups[0]?.failed,
  ).toBe(2);
});

test("what one look has told of failures stays as it was", () => {
  const memory = new FailureMemory();
  const crash = (restarts: number) =>
    look({ replicaSets: [replicaSet(1)], pods: [pod("a", { container: ended(3, restarts) })] }, memory);
  const first = crash(0).groups[0]?.failures;
  const second = crash(1).groups[0]?.failures;
  expect([first?.map(({ restart }) => restart), second?.map(({ restart }) => restart)]).toEqual([
    [0],
    [0, 1],
  ]);
});

test("an end within the second in which a rollout began is not from before it", () => {
  const memory = new FailureMemory();
  const seen = (nowMs: number) => ({
    ...view({ replicaSets: [replicaSet(1)], pods: [pod("a", { container: ended(3, 0) })] }),
    nowMs,
  });
  const began = bornMs + 5_400;
  memory.note(seen(began + 300));
  expect(memory.of("shop", 1).failures[0]?.atMs).toBe(began + 300);
  const later = new FailureMemory();
  later.note(seen(began + 60_000));
  expect(later.of("shop", 1).failures[0]?.atMs).toBe(bornMs + 5_999);
});

test("a controller that comes later counts the ends that it has not seen", () => {
  const late = look({
    replicaSets: [replicaSet(1)],
    pods: [pod("a", { ready: false, container: ended(137, 4) })],
  });
  expect(late.groups[0]).toMatchObject({
    failed: 5,
    failures: [{ restart: 4, reason: "was ended by signal 9 after 3 s" }],
  });
});

test.each([
  [
    "ErrImagePull",
    'failed to resolve reference "r/shop@sha256:1": not found',
    /^has no image: .*not found/,
    true,
  ],
  ["ErrImagePull", "connection refused", /^has no image: connection refused/, undefined],
  ["CreateContainerConfigError", 'secret "shop-1" not found', /^could not be started: secret/, true],
])("%s (%s) is reported at once", (reason, message, words, permanent) => {
  const container = { state: { waiting: { reason, message } } };
  const { groups } = look({ replicaSets: [replicaSet(1)], pods: [pod("a", { ready: false, container })] });
  expect(groups[0]?.failures).toMatchObject([{ kind: "not-created", reason: expect.stringMatching(words) }]);
  expect(groups[0]?.failures[0]?.permanent).toBe(permanent);
});

test("a program that is missing is a failure for good", () => {
  const container = ended(128, 0, {
    reason: "StartError",
    message: 'exec: "/shop": no such file or directory',
  });
  const { groups } = look({ replicaSets: [replicaSet(1)], pods: [pod("a", { ready: false, container })] });
  expect(groups[0]?.failures).toMatchObject([
    { kind: "not-created", permanent: true, reason: expect.stringContaining("/shop") },
  ]);
});

test("what the cluster refuses to make is reported in its words", () => {
  const conditions = [
    {
      type: "ReplicaFailure",
      status: "True",
      reason: "FailedCreate",
      message: 'pods "shop-1-x" is forbidden: violates PodSecurity',
      lastTransitionTime: at(3),
    },
  ];
  const { groups } = look({ replicaSets: [replicaSet(1, { conditions })] });
  expect(groups[0]?.failures).toMatchObject([
    { kind: "not-created", permanent: true, reason: expect.stringContaining("violates PodSecurity") },
  ]);
});

test("a Service whose selector someone else has changed gives no release the traffic", () => {
  const changed = service("1");
  const stolen = { ...changed, spec: { ...changed.spec, selector: { app: "mine" } } };
  expect(look({ replicaSets: [replicaSet(1)], pods: [pod("a")], services: [stolen] }).groups).toMatchObject([
    { share: 0, servers: [{ inTraffic: false }] },
  ]);
});

test("a pod that is being deleted is there until nothing of it runs, and then among the remains", () => {
  const going = (name: string, state: object) =>
    pod(name, { deletionTimestamp: at(9), ready: false, container: { state } });
  const running = going("a", { running: {} });
  const over = going("b", { terminated: { exitCode: 0 } });
  const removed = going("c", { waiting: { reason: "ContainerCreating" } });
  const group = (nowMs: number) =>
    look({ replicaSets: [replicaSet(0)], pods: [running, over, removed], nowMs }).groups[0];
  expect(group(bornMs + 8000)).toMatchObject({
    servers: [{ id: "a", state: "draining" }, { id: "c" }],
    remains: ["b"],
    failed: 0,
  });
  expect(group(bornMs + 10_000)).toMatchObject({ servers: [{ id: "a" }], remains: ["b", "c"] });
});

test.each([
  [{ state: { terminated: { exitCode: 137, finishedAt: at(5), message: "bye\n" } } }, "exited", ["bye"]],
  [{ state: { waiting: {} } }, "not-created", []],
])("a pod that its node has given up is one failure, in the node's words", (container, kind, logTail) => {
  const status = { phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." };
  const evicted = pod("a", { ready: false, container, status });
  const { groups } = look({ replicaSets: [replicaSet(1)], pods: [evicted] });
  expect(groups).toMatchObject([{ servers: [], remains: ["a"], failed: 1 }]);
  const reason = "was given up by its node: Evicted: The node was low on resource: memory.";
  expect(groups[0]?.failures).toMatchObject([{ id: "a", kind, reason, logTail }]);
});

test("a server in quarantine is one of its group, without traffic and without failures of its own", () => {
  const labels = { [key.serving]: "no", [key.member]: undefined, [key.quarantine]: "a" };
  const restarted = { restartCount: 1, lastState: { terminated: { exitCode: 1, finishedAt: at(9) } } };
  const one = pod("a", { labels, annotations: { [key.quarantinedAt]: at(7) }, container: restarted });
  const failures = new FailureMemory();
  const seen = view({ pods: [one], replicaSets: [replicaSet(1)], services: [service("1")] });
  failures.note(seen);
  const [group] = observationOf(seen, "web", failures).groups;
  expect(group).toMatchObject({ failed: 0 });
  expect(group?.servers).toMatchObject([{ state: "quarantined", inTraffic: false, sinceMs: bornMs + 7000 }]);
});
