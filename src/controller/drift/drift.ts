import { type Asker, askerData, askerName, why } from "../../domain/actor.ts";
import type { Finding } from "../../domain/drift.ts";
import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import type { DriftWatch } from "../../drift/drift-watch.ts";
import type { EvidenceStore } from "../../drift/evidence/evidence.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Call, Platform } from "../../platform/platform.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../operations/asker.ts";
import { idsOf, unknownServer } from "../operations/unknown-server.ts";
import type { ArchivePiece, DriftReport, Operations } from "../operations.ts";

export interface DriftParts {
  readonly store: Store;
  readonly platform: Platform;
  readonly drift: DriftWatch | undefined;
  readonly evidence: EvidenceStore | undefined;
  readonly observe: () => Promise<Observation>;
  readonly poke: (service: string) => void;
  readonly call: () => Call;
}

/** The operations about servers that have drifted. */
export function createDriftOperations(
  parts: DriftParts,
): Pick<Operations, "drift" | "evidence" | "evidenceOf" | "exportEvidence" | "destroyServer"> {
  const { drift, evidence, call, observe } = parts;
  return {
    drift: async ({ server, inspect }) => {
      const found = (inspect ? await drift?.inspect(call()) : drift?.findings()) ?? [];
      const reports = reportsOf(parts.store, found);
      return server === undefined ? reports : reportsOn(server, reports, await observe());
    },
    evidence: async () => (await evidence?.list()) ?? [],
    evidenceOf: ({ server }) => kept(evidence).show(server),
    exportEvidence: ({ server }, { signal = neverAborted } = {}) =>
      pieces(kept(evidence).read(server, signal)),
    destroyServer: (asked, who) => destroyServer(parts, asked.server, askerOf(asked, who)),
  };
}

/** For a caller that never ends early. */
const neverAborted = new AbortController().signal;

/** What is seen now, and what led to a taint of a server that may still be there. */
function reportsOf(store: Store, found: readonly Finding[]): readonly DriftReport[] {
  const taints = store.desiredAll().flatMap((desired) => desired.taints);
  const responses = new Map(taints.map((taint) => [taint.server, taint.response]));
  const all = [...found, ...taints.map((taint) => taint.finding)];
  const once = new Map(
    all.map((finding) => [`${finding.server} ${finding.kind} ${finding.subject}`, finding]),
  );
  return [...once.values()]
    .map((finding) => ({
      ...finding,
      response: responses.get(finding.server),
    }))
    .sort((a, b) => (a.server === b.server ? a.atMs - b.atMs : a.server < b.server ? -1 : 1));
}

/** Nothing to report is good news only of a server that is there. */
function reportsOn(
  server: ServerId,
  reports: readonly DriftReport[],
  observation: Observation,
): readonly DriftReport[] {
  const own = reports.filter((report) => report.server === server);
  if (own.length === 0 && !idsOf(observation).includes(server)) throw unknownServer(server, observation);
  return own;
}

function kept(evidence: EvidenceStore | undefined): EvidenceStore {
  if (evidence !== undefined) return evidence;
  throw new KilnError("evidence_unknown", "This installation keeps no evidence.");
}

async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ArchivePiece> {
  for await (const chunk of chunks) yield { data: Buffer.from(chunk).toString("base64") };
}

async function destroyServer(parts: DriftParts, server: ServerId, by: Asker): Promise<void> {
  const observation = await parts.observe();
  const { groups, reproductions = [] } = observation;
  const copy = reproductions.find(({ id }) => id === server);
  if (copy !== undefined) return discard(parts, copy.service, server, `a copy of ${copy.reproduces}`, by);
  const group = groups.find((g) => g.servers.some((s) => s.id === server));
  const found = group?.servers.find((s) => s.id === server);
  if (group === undefined || found === undefined) throw unknownServer(server, observation);
  if (found.state !== "quarantined") {
    throw new KilnError("server_in_use", `${server} is not in quarantine: it is ${found.state}.`, {
      hint: "`kiln scale` and `kiln deploy` set the number of servers.",
    });
  }
  await discard(parts, group.service, server, "which was kept in quarantine", by);
}

async function discard(
  { store, platform, poke, call }: DriftParts,
  service: ServiceKey,
  server: ServerId,
  what: string,
  by: Asker,
): Promise<void> {
  const message = `${askerName(by)} destroys ${server}, ${what}${why(by)}`;
  store.appendEvent({ service, kind: "server.discarded", message, data: { server, ...askerData(by) } });
  await platform.destroy(server, call());
  poke(service);
}
