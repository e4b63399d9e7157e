import { z } from "zod";
import type { ServiceKey } from "../../domain/ids.ts";
import type { GitSource } from "../../domain/source.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";

interface Row {
  readonly service: string;
  readonly spec: string;
  readonly added_at_ms: number;
  readonly added_by: string;
  readonly hold: string | null;
  readonly head: string | null;
  readonly looked_at_ms: number | null;
  readonly deployed: string | null;
  readonly failing: string | null;
  readonly next_look_at_ms: number;
}

const text = z.string();
const readSpec = jsonColumn(
  "sources.spec",
  z.object({
    ...{ url: text, branch: text, path: text, intervalMs: z.number() },
    ...{ credentials: text.optional(), knownHosts: text.optional(), allowedSigners: text.optional() },
  }),
);
const readHold = jsonColumn("sources.hold", z.object({ sinceMs: z.number(), by: text, because: text }));
const readHead = jsonColumn(
  "sources.head",
  z.object({ id: text, author: text, subject: text, committedAtMs: z.number(), signer: text.optional() }),
);
const readDeployed = jsonColumn(
  "sources.deployed",
  z.object({
    ...{ commit: text, tree: text, atMs: z.number(), release: z.number() },
    rollout: z.number().optional(),
  }),
);
const readFailing = jsonColumn(
  "sources.failing",
  z.object({
    ...{ sinceMs: z.number(), attempts: z.number(), code: text, message: text },
    ...{ hint: text.optional(), problems: z.array(text), commit: text.optional() },
    nextTryAtMs: z.number().optional(),
  }),
);

/** By service. */
export function selectSources(db: Database): readonly GitSource[] {
  return db.all<Row>("SELECT * FROM sources ORDER BY service").map(toSource);
}

function toSource(row: Row): GitSource {
  return {
    service: row.service,
    ...readSpec(row.spec),
    ...{ addedAtMs: row.added_at_ms, addedBy: row.added_by, nextLookAtMs: row.next_look_at_ms },
    hold: row.hold === null ? undefined : readHold(row.hold),
    head: row.head === null ? undefined : readHead(row.head),
    lookedAtMs: row.looked_at_ms ?? undefined,
    deployed: row.deployed === null ? undefined : readDeployed(row.deployed),
    failing: row.failing === null ? undefined : readFailing(row.failing),
  };
}

export function findSource(db: Database, service: ServiceKey): GitSource | undefined {
  const row = db.get<Row>("SELECT * FROM sources WHERE service = ?", service);
  return row && toSource(row);
}

/** Throws `source_unknown`. */
export function requireSource(db: Database, service: ServiceKey): GitSource {
  const source = findSource(db, service);
  if (source !== undefined) return source;
  throw new KilnError("source_unknown", `${service} follows no git repository.`, {
    hint: "`kiln source ls` lists the services that do; `kiln source add` makes one follow a repository.",
  });
}
