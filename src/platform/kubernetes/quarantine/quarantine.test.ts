import { expect, test } from "vitest";
import { aFinding } from "../../../domain/testing.ts";
import { silentLog } from "../../../lib/log.ts";
import type { Exhibit } from "../../contract/evidence.ts";
import { call } from "../../fake/testing.ts";
import { json, serverThat } from "../client/testing.ts";
import { Cluster } from "../cluster.ts";
import type { KubernetesContext } from "../context.ts";
import { key } from "../objects/names.ts";
import { pod } from "../view/testing.ts";
import { quarantinePod } from "./quarantine.ts";

const owner = { tag: "i", target: "t" };
const labels = { [key.installation]: "i", [key.target]: "t", [key.quarantine]: "shop-1-a" };
const found = pod("shop-1-a", { labels });
const unused = async () => {
  throw new Error("nothing is made here");
};

test("a node that does not give the log of a server costs its log, and no other evidence", async () => {
  await using server = await serverThat(({ method, address: { pathname, searchParams } }, answer) => {
    if (method === "PATCH") return json(answer, found);
    if (pathname.includes("/networkpolicies/")) return json(answer, {}, 404);
    if (pathname.endsWith("/events")) return json(answer, { items: [{ message: "Killing" }] });
    if (!pathname.endsWith("/log")) return json(answer, found);
    if (searchParams.has("previous")) return answer.end("first words\n");
    return json(
      answer,
      { reason: "InternalError", message: "dial tcp 10.0.0.9:10250: connection refused" },
      500,
    );
  });
  const kept: Exhibit[] = [];
  const host: KubernetesContext = {
    cluster: new Cluster(server.api, owner, undefined, server.clock),
    images: { check: unused, push: unused, pack: unused, requireCommand: unused },
    sessions: "/nonexistent",
    ...{ secrets: { newest: unused, open: unused }, configs: { open: unused } },
    ...{ clock: server.clock, log: silentLog, registry: "registry.example", pullSecret: undefined },
    ...{ exposure: "ClusterIP", settleMs: 0 },
    evidence: { keep: async (exhibit) => `sha256:${kept.push(exhibit)}` },
  };
  const { server: _server, service: _service, release: _release, ...taint } = aFinding();
  expect(await quarantinePod(host, "shop-1-a", taint, call)).toMatchObject({ digest: "sha256:1" });
  const [{ documents = [], missing, log } = { missing: [], log: ["none was kept"] }] = kept;
  expect([log, missing]).toEqual([[], [expect.stringMatching(/^log: .*connection refused$/)]]);
  const texts = documents.map(({ name, text }) => `${name} ${text.replace(/\s+/g, " ")}`);
  expect(texts).toEqual([
    expect.stringMatching(/^pod.json .*shop-1-a/),
    expect.stringMatching(/^events.json .*Killing/),
    "previous.log first words ",
  ]);
});
