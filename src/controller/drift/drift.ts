import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { Finding } from "../../domain/drift/drift.ts";
import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { EvidenceStore } from "../../drift/evidence/evidence.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import type { ArchivePiece, DriftReport, Operations } from "../operations.ts";
import { unknownServer } from "../servers/unknown-server.ts";
import type { Site } from "../targets/site.ts";
import type { Targets } from "../targets/targets.ts";

export interface DriftParts {
  readonly store: Store;
  readonly targets: Targets;
  readonly evidence: EvidenceStore | undefined;
  readonly call: () => Call;
}

/** The operations about servers that have drifted. */
export function createDriftOperations(
  parts: DriftParts,
): Pick<Operations, "drift" | "evidence" | "evidenceOf" | "exportEvidence" | "destroyServer"> {
  const { targets, evidence, call } = parts;
  return {
    drift: async ({ server, inspect }) => {
      const found = await Promise.all(
        targets.all.map((site) => findingsAt(site, inspect ? call() : undefined)),
      );
      const reports = reportsOf(parts.store, found.flat());
      if (server === undefined) return reports;
      const own = reports.filter((report) => report.server === server);
      // Nothing to report is good news only of a server that is there.
      if (own.length === 0) await targets.find(server);
      return own;
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

/** With a call, once more inspected. A target that cannot be inspected still has what was found there before. */
async function findingsAt({ drift }: Site, call: Call | undefined): Promise<readonly Finding[]> {
  if (drift === undefined || call === undefined) return drift?.findings() ?? [];
  return drift.inspect(call);
}

function kept(evidence: EvidenceStore | undefined): EvidenceStore {
  if (evidence !== undefined) return evidence;
  throw new KilnError("evidence_unknown", "This installation keeps no evidence.");
}

async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ArchivePiece> {
  for await (const chunk of chunks) yield { data: Buffer.from(chunk).toString("base64") };
}

async function destroyServer(parts: DriftParts, server: ServerId, by: Asker): Promise<void> {
  const { site, observation } = await parts.targets.find(server);
  const { groups, reproductions = [] } = observation;
  const copy = reproductions.find(({ id }) => id === server);
  if (copy !== undefined)
    return discard(parts, site, copy.service, server, `a copy of ${copy.reproduces}`, by);
  const group = groups.find((g) => g.servers.some((s) => s.id === server));
  const found = group?.servers.find((s) => s.id === server);
  if (group === undefined || found === undefined) throw unknownServer(server, [observation]);
  if (found.state !== "quarantined") {
    throw new KilnError("server_in_use", `${server} is not in quarantine: it is ${found.state}.`, {
      hint: "`kiln scale` and `kiln deploy` set the number of servers.",
    });
  }
  await discard(parts, site, group.service, server, "which was kept in quarantine", by);
}

async function discard(
  { store, call }: DriftParts,
  { platform, loop }: Site,
  service: ServiceKey,
  server: ServerId,
  what: string,
  by: Asker,
): Promise<void> {
  const message = `${askerName(by)} destroys ${server}, ${what}${why(by)}`;
  store.appendEvent({ service, kind: "server.discarded", message, data: { server, ...askerData(by) } });
  await platform.destroy(server, call());
  loop.poke(service);
}
