import type { ServiceKey } from "../../domain/ids.ts";
import type {
  GroupObservation,
  Observation,
  ServerFailure,
  ServerObservation,
} from "../../domain/observation.ts";

/** Something that happened to a server between two observations. */
export interface ServerNews {
  readonly service: ServiceKey;
  readonly kind: `server.${"started" | "ready" | "unready" | "draining" | "destroyed" | "quarantined"}`;
  readonly message: string;
  readonly data: {
    readonly server: string;
    readonly release: number;
    /** The server that it replaces, where that is known. */
    readonly takesPlaceOf?: string;
  };
}

export interface WarningNews {
  readonly service: ServiceKey | undefined;
  readonly kind: "service.warned";
  readonly message: string;
  readonly data: { readonly hint?: string };
}

/** What two looks at the platform tell apart: pure, so that events say what was seen and nothing else. */
export function newsBetween(before: Observation, after: Observation): readonly ServerNews[] {
  const old = serversOf(before);
  const now = serversOf(after);
  const changed = [...now.values()].flatMap(({ group, server }) =>
    changesOf(old.get(server.id)?.server, server).map((change) => news(group, server, change)),
  );
  const gone = [...old.values()].filter(({ server }) => !now.has(server.id));
  return [...changed, ...gone.map(({ group, server }) => news(group, server, "destroyed"))];
}

/** Warnings about a service in `after` that `before` did not have. */
export function warningsBetween(before: Observation, after: Observation): readonly WarningNews[] {
  const known = new Set(before.warnings?.map(({ service, message }) => `${service} ${message}`));
  const fresh = after.warnings?.filter(({ service, message }) => !known.has(`${service} ${message}`)) ?? [];
  return fresh.map(({ service, message, hint }) => ({
    service,
    kind: "service.warned",
    message,
    data: hint === undefined ? {} : { hint },
  }));
}

/** Failures in `after` that `before` did not have. */
export function failuresBetween(
  before: Observation,
  after: Observation,
): readonly (readonly [ServiceKey, ServerFailure])[] {
  const known = new Set(before.groups.flatMap((g) => g.failures.map(keyOf)));
  return after.groups.flatMap((g) =>
    g.failures.filter((f) => !known.has(keyOf(f))).map((f) => [g.service, f] as const),
  );
}

function keyOf({ id, restart = 0 }: ServerFailure): string {
  return `${id} ${restart}`;
}

interface Seen {
  readonly group: GroupObservation;
  readonly server: ServerObservation;
}

function serversOf(observation: Observation): ReadonlyMap<string, Seen> {
  return new Map(
    observation.groups.flatMap((group) => group.servers.map((server) => [server.id, { group, server }])),
  );
}

type Change = "started" | "ready" | "unready" | "draining" | "quarantined";

function changesOf(before: ServerObservation | undefined, after: ServerObservation): readonly Change[] {
  if (before?.state === after.state || after.state === "creating") return [];
  if (after.state === "starting") return [before?.state === "ready" ? "unready" : "started"];
  // A server may start and become ready between two looks.
  const isNew = before === undefined || before.state === "creating";
  return isNew && after.state === "ready" ? ["started", "ready"] : [after.state];
}

function news(group: GroupObservation, server: ServerObservation, change: Change | "destroyed"): ServerNews {
  const words: Record<typeof change, string> = {
    started: "has started",
    ready: "is ready",
    unready: `is no longer healthy${server.health ? `: ${server.health}` : ""}`,
    draining: "takes no new requests and finishes the open ones",
    quarantined: "is out of traffic, kept as evidence",
    destroyed: "is gone",
  };
  return {
    service: group.service,
    kind: `server.${change}`,
    message: `${server.id} ${words[change]}`,
    data: {
      ...{ server: server.id, release: group.release },
      ...(server.takesPlaceOf === undefined ? {} : { takesPlaceOf: server.takesPlaceOf }),
    },
  };
}
