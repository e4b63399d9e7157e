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
