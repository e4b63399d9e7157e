import { accessTable } from "./access/operations.ts";
import { changesTable } from "./changes/operations.ts";
import { controllerTable } from "./controller/operations.ts";
import { driftTable } from "./drift/operations.ts";
import type { ContractEntry } from "./entry.ts";
import { eventsTable } from "./events/operations.ts";
import { figuresTable } from "./figures/operations.ts";
import { imagesTable } from "./images/operations.ts";
import { jobsTable } from "./jobs/operations.ts";
import { policyTable } from "./policy/operations.ts";
import { rolloutsTable } from "./rollouts/operations.ts";
import { secretsTable } from "./secrets/operations.ts";
import { serversTable } from "./servers/operations.ts";
import { servicesTable } from "./services/operations.ts";
import { sourceTable } from "./sources/operations.ts";
import { targetsTable } from "./targets/operations.ts";
import { trustTable } from "./trust/operations.ts";
import { volumesTable } from "./volumes/operations.ts";
import { webhookTable } from "./webhooks/operations.ts";

export type { ContractEntry };

/**
 * Everything that can be asked of a controller. Routes, OpenAPI and client follow from this table, the type `Operations`
 * too: another operation is an entry in the folder of its subject, and its implementation. It names schemas and does not
 * load them, so that a client starts fast.
 */
export const table = {
  ...accessTable,
  ...webhookTable,
  ...sourceTable,
  ...controllerTable,
  ...targetsTable,
  ...trustTable,
  ...policyTable,
  ...imagesTable,
  ...servicesTable,
  ...changesTable,
  ...rolloutsTable,
  ...jobsTable,
  ...serversTable,
  ...driftTable,
  ...secretsTable,
  ...volumesTable,
  ...figuresTable,
  ...eventsTable,
} as const satisfies Record<string, ContractEntry>;

/** The path of the OpenAPI 3.1 description of all this. */
export const openApiPath = "/v1/openapi.json";

/** The header in which a client states who runs it, `user@machine`. It is recorded as stated, and proves nothing. */
export const statedHeader = "kiln-stated-by";

/** Names of the server-sent events of a stream (WHATWG HTML, section 9.2); its items have the default name, `message`. */
export const streamEvents = {
  /** An ErrorJson, the last event of its stream. */
  fault: "fault",
  /** The end: a stream that closes without this event was cut off. */
  end: "end",
  /** The stream is alive: a StreamBeat, soon after its beginning and then each 10 s. */
  beat: "beat",
} as const;

/** The data of a beat. */
export interface StreamBeat {
  /** By the clock of the controller's machine, Unix time in ms. */
  readonly atMs: number;
}

/** The fields of the argument that are parts of the path. */
export function pathFields({ path }: ContractEntry): readonly string[] {
  return [...path.matchAll(/:([a-z]+)/g)].map(([, name = ""]) => name);
}

/** The request for this operation, without undefined fields. */
export function requestOf(
  entry: ContractEntry,
  asked: Readonly<Record<string, unknown>> = {},
): { readonly path: string; readonly body: string | undefined } {
  const inPath = pathFields(entry);
  const path = entry.path.replaceAll(/:([a-z]+)/g, (_, name: string) =>
    encodeURIComponent(String(asked[name])),
  );
  const rest = Object.entries(asked).filter(([name, value]) => value !== undefined && !inPath.includes(name));
  if (entry.method === "POST") return { path, body: JSON.stringify(Object.fromEntries(rest)) };
  const query = new URLSearchParams();
  for (const [name, value] of rest) query.set(name, String(value));
  return { path: query.size === 0 ? path : `${path}?${query}`, body: undefined };
}
