import type { ImageDigest } from "../../domain/ids.ts";
import { render, type Sample, sample } from "../../lib/prometheus.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { pagesOf } from "../../store/events/pages.ts";
import type { Store } from "../../store/store.ts";
import type { Operations, ServiceStatus } from "../operations.ts";
import { metrics } from "./definitions.ts";
import type { Meter } from "./meter.ts";
import { processSamples } from "./process.ts";
import { type ServiceSample, serviceSamples, sourceSamples } from "./samples.ts";
import { MetricsTally, talliedKinds } from "./tally.ts";

export interface ScrapeParts {
  readonly operations: Pick<
    Operations,
    "services" | "targets" | "audit" | "info" | "images" | "webhooks" | "sources"
  >;
  readonly store: Pick<Store, "desired" | "events" | "lastSequence">;
  readonly meter: Meter;
  readonly clock: Clock;
  /** Of the code that runs. */
  readonly commit: string;
}

/**
 * Answers `/metrics`. Nothing is counted before the first scrape: what it tells of the past is read from the event log, once,
 * and from then on what is new in it.
 */
export function createScrape(parts: ScrapeParts): () => Promise<string> {
  const { operations, store, meter, clock, commit } = parts;
  const tally = new MetricsTally();
  const madeAtMs = new Map<ImageDigest, number | undefined>();
  let reading: Promise<void> = Promise.resolve();
  let read = 0;

  async function readOn(): Promise<void> {
    const end = store.lastSequence();
    for await (const page of pagesOf(store, { after: read, kinds: talliedKinds })) {
      for (const event of page) tally.add(event);
      read = page.at(-1)?.sequence ?? read;
    }
    read = Math.max(read, end);
  }

  /** One scrape after the other reads on: an event counts once. */
  function catchUp(): Promise<void> {
    reading = reading.then(readOn, readOn);
    return reading;
  }

  /** An image stays as it was made, so the store of images is asked only for new ones. */
  async function learnImages(services: readonly ServiceStatus[]): Promise<void> {
    const serving = services.flatMap((status) => status.serving?.image ?? []);
    if (serving.every((image) => madeAtMs.has(image))) return;
    const images = new Map((await operations.images({}, {})).map((i) => [i.digest, i.createdAtMs]));
    for (const image of serving) madeAtMs.set(image, images.get(image));
  }

  function figuresOf(status: ServiceStatus): ServiceSample {
    const { service, serving, rollout } = status;
    return {
      status,
      next: rollout && store.desired(service)?.releases.get(rollout.to),
      tally: tally.of(service),
      imageMadeAtMs: serving && madeAtMs.get(serving.image),
    };
  }

  return async () => {
    const [services, targets, audit, info, webhooks, sources] = await Promise.all([
      operations.services({}, {}),
      operations.targets({}, {}),
      operations.audit({}, {}),
      operations.info({}, {}),
      operations.webhooks({}, {}),
      operations.sources({}, {}),
    ]);
    await Promise.all([catchUp(), learnImages(services)]);
    const samples: readonly Sample[] = [
      sample(metrics.build, { version: info.version, commit }, 1),
      ...targets.map(({ name, trouble }) => sample(metrics.targetUp, { target: name }, trouble ? 0 : 1)),
      ...services.flatMap((status) => serviceSamples(figuresOf(status), meter, clock.now())),
      sample(metrics.chainOk, {}, audit.troubles.length === 0 ? 1 : 0),
      sample(metrics.entries, {}, audit.entries),
      ...(audit.checkpoint ? [sample(metrics.checkpoint, {}, audit.checkpoint.atMs / 1000)] : []),
      ...[...meter.answers].map(({ method, route, code, count }) =>
        sample(metrics.apiRequests, { method, route, code: `${code}` }, count),
      ),
      ...webhooks.flatMap(({ name, backlog, failing }) => [
        sample(metrics.webhookBacklog, { webhook: name }, backlog),
        sample(metrics.webhookFailing, { webhook: name }, failing === undefined ? 0 : 1),
      ]),
      ...sources.flatMap(sourceSamples),
      sample(metrics.passes, {}, meter.passes),
      ...processSamples(info.startedAtMs),
    ];
    return render(Object.values(metrics), samples);
  };
}
