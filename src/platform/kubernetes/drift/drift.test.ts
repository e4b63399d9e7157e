import { expect, test, vi } from "vitest";
import { silentLog } from "../../../lib/log.ts";
import { json, serverThat } from "../client/testing.ts";
import { Cluster } from "../cluster.ts";
import { key } from "../objects/names.ts";
import { startClusterDrift } from "./drift.ts";

test("findings of a pod are there as long as the pod, though no one has told of its end", async () => {
  const time = "2026-01-01T00:00:05Z";
  const managedFields = [{ manager: "kubectl-edit", time, fieldsV1: { "f:spec": { "f:containers": {} } } }];
  const pod = {
    metadata: { name: "a", uid: "u", annotations: { [key.service]: "shop" }, managedFields },
  };
  let isGone = false;
  let endWatch: (() => void) | undefined;
  await using server = await serverThat(({ address: { pathname, searchParams } }, answer) => {
    const isPods = pathname.endsWith("/pods");
    const items = isPods && !isGone ? [pod] : [];
    if (!searchParams.has("watch")) return json(answer, { metadata: { resourceVersion: "7" }, items });
    if (isPods) endWatch = () => void answer.end('{"type":"ERROR","object":{"code":410}}\n');
    return answer.flushHeaders();
  });
  const cluster = new Cluster(server.api, { tag: "i", target: "t" }, undefined, server.clock);
  await using source = startClusterDrift({ cluster, clock: server.clock, log: silentLog });
  await vi.waitFor(() => expect(source.findings()).toMatchObject([{ server: "a" }]), 60_000);
  await vi.waitFor(() => expect(endWatch).toBeDefined(), 60_000);
  isGone = true;
  endWatch?.();
  await vi.waitFor(() => expect(source.findings()).toEqual([]), 60_000);
});

test("a change and a loss of a budget are reported, and its end with its group is not", async () => {
  const time = "2026-01-01T00:00:05Z";
  const managedFields = [
    { manager: "kubectl-edit", time, fieldsV1: { "f:spec": { "f:maxUnavailable": {} } } },
  ];
  const budget = (name: string, more = {}) => ({
    metadata: {
      name,
      uid: `u-${name}`,
      resourceVersion: "8",
      annotations: { [key.service]: "shop" },
      ...more,
    },
  });
  const group = { metadata: { name: "shop-1", uid: "g", resourceVersion: "1", creationTimestamp: time } };
  await using server = await serverThat(({ address: { pathname, searchParams } }, answer) => {
    if (pathname === "/version") return json(answer, { major: "1", minor: "31", gitVersion: "v1.31.0" });
    if (pathname.endsWith("/replicasets/shop-1")) return json(answer, group);
    if (pathname.endsWith("/replicasets/shop-2")) return json(answer, {}, 404);
    const isBudgets = pathname === "/apis/policy/v1/namespaces/shop/poddisruptionbudgets";
    const items = isBudgets ? [budget("shop-1", { managedFields }), budget("shop-2")] : [];
    if (!searchParams.has("watch")) return json(answer, { metadata: { resourceVersion: "7" }, items });
    answer.flushHeaders();
    if (!isBudgets) return;
    for (const name of ["shop-2", "shop-1"])
      answer.write(`${JSON.stringify({ type: "DELETED", object: budget(name) })}\n`);
  });
  const cluster = new Cluster(server.api, { tag: "i", target: "t" }, "shop", server.clock);
  await using source = startClusterDrift({ cluster, clock: server.clock, log: silentLog });
  const told: string[] = [];
  using _told = source.watchNotices(({ message }) => void told.push(message));
  const changed = "kubectl-edit has changed spec.maxUnavailable of the PodDisruptionBudget shop-1.";
  const deleted = "Someone has deleted the PodDisruptionBudget shop-1.";
  await vi.waitFor(() => expect(told).toEqual([changed, deleted]), 60_000);
});
