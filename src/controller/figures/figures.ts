import type { KilnEvent } from "../../domain/event.ts";
import { definitions } from "../../domain/figures/definitions.ts";
import { deliveryFigures, type Period } from "../../domain/figures/delivery.ts";
import { deploymentKinds, deploymentsOf } from "../../domain/figures/deployments.ts";
import type { Figure } from "../../domain/figures/figure.ts";
import {
  type Ages,
  ageFigures,
  driftFigures,
  runningKinds,
  uptimeFigures,
} from "../../domain/figures/running.ts";
import type { ImageDigest, ServiceKey } from "../../domain/ids.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { pagesOf } from "../../store/events/pages.ts";
import type { Store } from "../../store/store.ts";
import type { Operations, ServiceFigures, ServiceStatus } from "../operations.ts";

/** A quarter of a year: long enough for five deployments of most services. */
const usualMs = 90 * 86_400_000;
/** Of the events that a figure comes from, an answer names the newest. */
const mostEvents = 1_000;

export interface FiguresParts {
  readonly store: Pick<Store, "events" | "traffic">;
  readonly clock: Clock;
  readonly operations: Pick<Operations, "services" | "status" | "images">;
}

/** When an image was made (Unix time in ms); undefined where that is not known. */
type MadeAt = (image: ImageDigest) => Promise<number | undefined>;

/** The figures of services, computed from the event log and the minutes of traffic each time that someone asks. */
export function createFigures(parts: FiguresParts): Pick<Operations, "figures"> {
  const { operations, clock } = parts;
  return {
    figures: async ({ service, sinceMs }) => {
      const untilMs = clock.now();
      const period = { sinceMs: sinceMs ?? untilMs - usualMs, untilMs };
      const madeAt = listedOnce(operations);
      if (service !== undefined) return [await figuresOf(parts, service, undefined, period, madeAt)];
      const all: ServiceFigures[] = [];
      for (const status of await operations.services({}, {}))
        all.push(await figuresOf(parts, status.service, status, period, madeAt));
      return all;
    },
  };
}

/** One list of the images for one request. */
function listedOnce({ images }: FiguresParts["operations"]): MadeAt {
  let listed: ReturnType<typeof images> | undefined;
  return async (image) => {
    listed ??= images({}, {});
    return (await listed).find(({ digest }) => digest === image)?.createdAtMs;
  };
}

/** Also of a service that was removed: what happened to it is still in the log. Throws `service_unknown`. */
async function figuresOf(
  { store, operations }: FiguresParts,
  service: ServiceKey,
  known: ServiceStatus | undefined,
  period: Period,
  madeAt: MadeAt,
): Promise<ServiceFigures> {
  const events: KilnEvent[] = [];
  const kinds = [...deploymentKinds, ...runningKinds];
  for await (const page of pagesOf(store, { service, kinds })) events.push(...page);
  const status = known ?? (await statusOf(operations, service, events.length > 0));
  const figures = [
    ...deliveryFigures(deploymentsOf(events), period),
    ...uptimeFigures(store.traffic(service, period)),
    ...driftFigures(events, period),
    ...ageFigures(await agesOf(status, period.untilMs, madeAt)),
  ];
  return { service, ...period, figures: figures.map(shown) };
}

/** Undefined for one that is gone; throws `service_unknown` for one that has never been. */
async function statusOf(
  operations: FiguresParts["operations"],
  service: ServiceKey,
  hasBeen: boolean,
): Promise<ServiceStatus | undefined> {
  if (!hasBeen) return operations.status({ service }, {});
  return (await operations.services({}, {})).find((status) => status.service === service);
}

/** What a target that does not answer had is not its present age. */
async function agesOf(status: ServiceStatus | undefined, nowMs: number, madeAt: MadeAt): Promise<Ages> {
  const seen = status?.target.trouble === undefined ? (status?.servers ?? []) : [];
  const oldestMs = seen.length === 0 ? undefined : Math.min(...seen.map((server) => server.createdAtMs));
  const madeMs = status?.serving && (await madeAt(status.serving.image));
  return {
    servers: seen.length,
    oldestServerMs: oldestMs === undefined ? undefined : Math.max(0, nowMs - oldestMs),
    imageMs: madeMs === undefined ? undefined : Math.max(0, nowMs - madeMs),
  };
}

/** With what it means. */
function shown(figure: Figure): ServiceFigures["figures"][number] {
  const { title, unit, of, definition } = definitions[figure.name];
  const events = figure.events.slice(-mostEvents);
  return {
    ...figure,
    title,
    unit,
    of,
    definition,
    more: { ...figure.more },
    notes: [...figure.notes],
    events,
  };
}
