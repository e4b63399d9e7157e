/**
 * Where each operation is found: method and path, `:name` for a parameter. Apart from contract.ts so that the client,
 * which must start fast, does not load the schemas.
 */
export const paths = {
  openapi: { method: "GET", path: "/v1/openapi.json" },
  info: { method: "GET", path: "/v1/controller" },
  shutdown: { method: "POST", path: "/v1/controller/shutdown" },
  statusAll: { method: "GET", path: "/v1/services" },
  status: { method: "GET", path: "/v1/services/:service" },
  history: { method: "GET", path: "/v1/services/:service/history" },
  check: { method: "POST", path: "/v1/services/:service/check" },
  deploy: { method: "POST", path: "/v1/services/:service/deploy" },
  preview: { method: "POST", path: "/v1/services/:service/preview" },
  rollback: { method: "POST", path: "/v1/services/:service/rollback" },
  scale: { method: "POST", path: "/v1/services/:service/scale" },
  abort: { method: "POST", path: "/v1/services/:service/abort" },
  pause: { method: "POST", path: "/v1/services/:service/pause" },
  resume: { method: "POST", path: "/v1/services/:service/resume" },
  promote: { method: "POST", path: "/v1/services/:service/promote" },
  remove: { method: "POST", path: "/v1/services/:service/remove" },
  secrets: { method: "GET", path: "/v1/secrets" },
  setSecret: { method: "POST", path: "/v1/services/:service/secrets/:name" },
  removeSecret: { method: "POST", path: "/v1/services/:service/secrets/:name/remove" },
  rollout: { method: "GET", path: "/v1/rollouts/:id" },
  imagesInUse: { method: "GET", path: "/v1/images/in-use" },
  events: { method: "GET", path: "/v1/events" },
  audit: { method: "GET", path: "/v1/audit" },
  checkpoint: { method: "POST", path: "/v1/audit/checkpoint" },
  acceptBreaks: { method: "POST", path: "/v1/audit/accept" },
  rotateAuditKey: { method: "POST", path: "/v1/audit/rotate" },
  drift: { method: "GET", path: "/v1/drift" },
  evidence: { method: "GET", path: "/v1/evidence" },
  evidenceOf: { method: "GET", path: "/v1/evidence/:server" },
  exportEvidence: { method: "GET", path: "/v1/evidence/:server/archive" },
  destroyServer: { method: "POST", path: "/v1/servers/:server/destroy" },
  reproduce: { method: "POST", path: "/v1/servers/:server/reproduce" },
  exec: { method: "POST", path: "/v1/servers/:server/exec" },
  endExec: { method: "POST", path: "/v1/sessions/:session/end" },
  logs: { method: "GET", path: "/v1/servers/:server/logs" },
} as const satisfies Record<string, Endpoint>;

export interface Endpoint {
  readonly method: "GET" | "POST";
  readonly path: string;
}

export type RouteName = keyof typeof paths;

/** Names of the server-sent events of a stream (WHATWG HTML, section 9.2); its items have the default name, `message`. */
export const streamEvents = {
  /** An ErrorJson; nothing comes after it. */
  fault: "fault",
  /** There is nothing more to come: a stream that closes without it was cut off. */
  end: "end",
} as const;

type Values = Readonly<Record<string, string | number | boolean | undefined>>;

/** The path with its parameters filled in, and those of the query that are defined. */
export function pathOf(name: RouteName, params: Values = {}, query: Values = {}): string {
  const path = paths[name].path.replaceAll(/:([a-z]+)/g, (_, key: string) =>
    encodeURIComponent(String(params[key])),
  );
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) given.set(key, String(value));
  return given.size === 0 ? path : `${path}?${given}`;
}
