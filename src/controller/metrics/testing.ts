import { join } from "node:path";
import { createApi } from "../../api/routes/routes.ts";
import { draftOf } from "../../domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../domain/testing.ts";
import { silentLog } from "../../lib/log.ts";
import { steadyClock } from "../../lib/time/steady-clock.ts";
import { startAuditor } from "../audit/auditor.ts";
import type { Operations } from "../operations.ts";
import { TestInstallation } from "../testing.ts";
import { createScrape } from "./scrape.ts";

/** An installation in the midst of everything that is measured: a rollout, drift, requests, ends of earlier rollouts. */
export async function anEventfulInstallation(): Promise<TestInstallation & { scrape(): Promise<string> }> {
  const it = new TestInstallation();
  const { clock, meter, store } = it;
  await it.deployed(1);
  it.world.behave("shop-2", { exitAfterMs: 10, exitCode: 3 });
  await it.deployed(2);
  const blog = { ...draftOf(aRelease(3, { traffic: undefined })), files: [] };
  await it.deploy(3, { service: "blog.staging", count: 1, draft: blog });
  await clock.until(async () => {
    return (await it.controller.status({ service: "blog.staging" })).rollout === undefined;
  });
  const [server] = (await it.status()).servers;
  const finding = { server: server?.id, release: 1, finding: "process", subject: "pid 7", seenBy: "scan" };
  store.appendEvent({ service: "shop", kind: "drift.found", message: "A shell.", data: finding });
  it.world.counts.set(`${server?.id}`, { id: `${server?.id}`, requests: 60, errors: 2, latency: [40, 20] });
  await clock.advance(60_000);
  await it.deploy(4, { policy: aPolicy({ bakeMs: 3_600_000 }) });
  await clock.until(async () => (await it.status()).rollout?.movedAtMs !== undefined);
  const operations = withRest(it);
  await operations.checkpoint({}, { actor: anAsker().actor });
  const scrape = createScrape({ operations, store, meter, clock: steadyClock(clock), commit: "c0ffee" });
  return Object.assign(it, { scrape: () => throughApi(operations, meter, scrape) });
}

/** What the composition root adds to the controller: the auditor, for real, and the list of images. */
function withRest(it: TestInstallation): Operations {
  const paths = {
    keyPath: join(it.folder, "audit.key"),
    checkpointPath: join(it.folder, "audit.checkpoint"),
  };
  const auditor = startAuditor({ store: it.store, clock: it.clock, log: silentLog, ...paths });
  const images = async () =>
    (await it.controller.services({}, {})).map(({ service, serving }) => ({
      ...{ service, version: serving?.version ?? "", digest: serving?.image ?? "" },
      ...{ contentDigest: "sha256:1", bytes: 1, createdAtMs: 0, pinned: false, usedBy: [] },
    }));
  const webhooks = async () => [
    { name: "team", backlog: 3, failing: { sinceMs: 0, attempts: 1, reason: "" } },
  ];
  const sources = async () => [
    {
      ...{ service: "shop", lookedAtMs: 4_000, deployed: { commit: "c0ffee", atMs: 3_000, release: 1 } },
      failing: { sinceMs: 0, attempts: 1, code: "spec_invalid", message: "", problems: [] },
    },
    { service: "bank.production" },
  ];
  return { ...it.controller, ...auditor, images, webhooks, sources } as unknown as Operations;
}

/** As Prometheus gets it, after an answer that was counted. */
async function throughApi(
  operations: Operations,
  meter: TestInstallation["meter"],
  scrape: () => Promise<string>,
): Promise<string> {
  const metering = { answer: meter.answer.bind(meter), scrape };
  await using app = createApi(operations, silentLog, { metering });
  await app.inject("/v1/services/nothing");
  const answer = await app.inject("/metrics");
  if (answer.statusCode === 200) return answer.body;
  throw new Error(answer.body);
}
