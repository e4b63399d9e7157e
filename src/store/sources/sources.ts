import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import {
  type GitSource,
  pauseAfterFailures,
  type SourceCommit,
  type SourceDeploy,
  type SourceFailure,
  type SourceSpec,
  shortCommit,
} from "../../domain/source.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Workbench } from "../workbench.ts";
import { holdSource, requireFollowing, requireNoHold } from "./hold.ts";
import { findSource, requireSource, selectSources } from "./rows.ts";

export interface SourceStore {
  /** By service. */
  all(): readonly GitSource[];
  /** Undefined where the service follows none. */
  find(service: ServiceKey): GitSource | undefined;
  /** Throws `source_unknown`. */
  one(service: ServiceKey): GitSource;
  /** Throws `source_taken`. */
  add(service: ServiceKey, spec: SourceSpec, by: Asker): void;
  /** Throws `source_unknown`. */
  remove(service: ServiceKey, by: Asker): void;
  /** Throws `source_held`, or `source_unknown`, for a deploy from a repository that the service does not follow now. */
  requireFollowing(service: ServiceKey, by: Asker): void;
  /** Nothing is deployed from now on. Repeating it is fine. Throws `source_unknown`. */
  hold(service: ServiceKey, by: Asker): void;
  /** Repeating it is fine. Throws `source_unknown`. */
  resume(service: ServiceKey, by: Asker): void;
  /** Someone asks for a look now. Throws `source_unknown`, `source_held`. */
  sync(service: ServiceKey, by: Asker): void;
  /** The branch was looked at, and nothing is to be done. */
  looked(service: ServiceKey, head: SourceCommit | undefined): void;
  /** The branch was looked at: it still has the commit that fails, which is not tried again yet. */
  waited(service: ServiceKey): void;
  deployed(service: ServiceKey, head: SourceCommit, deploy: Omit<SourceDeploy, "atMs">): void;
  /** In the transaction of what a commit led to: that it is not tried again must not be lost in between. Nothing happens for other deploys. */
  began(service: ServiceKey, by: Asker, what: Pick<SourceDeploy, "release" | "rollout">): void;
  /** `head`: as far as it is known. */
  failed(service: ServiceKey, failure: NewFailure, head: SourceCommit | undefined): void;
}

type NewFailure = Omit<SourceFailure, "sinceMs" | "attempts" | "nextTryAtMs">;

export function openSources(bench: Workbench): SourceStore {
  const { db } = bench;
  const changing = <Result>(work: () => Result) => db.transaction(work);
  return {
    all: () => selectSources(db),
    find: (service) => findSource(db, service),
    one: (service) => requireSource(bench.db, service),
    add: (service, spec, by) => changing(() => insert(bench, service, spec, by)),
    remove: (service, by) => changing(() => remove(bench, service, by)),
    requireFollowing: (service, by) => requireFollowing(db, service, by),
    hold: (service, by) =>
      changing(() => {
        requireSource(bench.db, service);
        holdSource(bench, service, by, "held it");
      }),
    resume: (service, by) => changing(() => resume(bench, service, by)),
    sync: (service, by) => changing(() => sync(bench, service, by)),
    looked: (service, head) => changing(() => looked(bench, service, head)),
    waited: (service) => changing(() => waited(bench, service)),
    deployed: (service, head, deploy) => changing(() => deployed(bench, service, head, deploy)),
    began: (service, by, what) => changing(() => began(bench, service, by, what)),
    failed: (service, failure, head) => changing(() => failed(bench, service, failure, head)),
  };
}

function insert(bench: Workbench, service: ServiceKey, spec: SourceSpec, by: Asker): void {
  const { db, log, clock } = bench;
  const present = findSource(bench.db, service);
  if (present !== undefined) {
    throw new KilnError("source_taken", `${service} follows ${present.url} already.`, {
      hint: `A service follows one repository. \`kiln source rm ${service}\` ends that; what serves stays.`,
    });
  }
  const { url, branch, path, intervalMs, allowedSigners } = spec;
  log.append({
    service,
    kind: "source.added",
    message: `${askerName(by)} let ${service} follow ${branch} of ${url}${why(by)}`,
    data: { url, branch, path, intervalMs, signed: allowedSigners !== undefined, ...askerData(by) },
  });
  db.run(
    "INSERT INTO sources (service, spec, added_at_ms, added_by, next_look_at_ms) VALUES (?, ?, ?, ?, ?)",
    ...[service, JSON.stringify(spec), clock.now(), askerName(by), clock.now()],
  );
}

function remove(bench: Workbench, service: ServiceKey, by: Asker): void {
  const { url } = requireSource(bench.db, service);
  bench.db.run("DELETE FROM sources WHERE service = ?", service);
  bench.log.append({
    service,
    kind: "source.removed",
    message: `${askerName(by)} let ${service} no longer follow ${url}${why(by)}`,
    data: { url, ...askerData(by) },
  });
}

function resume(bench: Workbench, service: ServiceKey, by: Asker): void {
  const { db, log, clock } = bench;
  if (requireSource(bench.db, service).hold === undefined) return;
  db.run("UPDATE sources SET hold = NULL, next_look_at_ms = ? WHERE service = ?", clock.now(), service);
  log.append({
    service,
    kind: "source.resumed",
    message: `${askerName(by)} lets ${service} follow its repository again${why(by)}`,
    data: askerData(by),
  });
}

function sync(bench: Workbench, service: ServiceKey, by: Asker): void {
  requireNoHold(requireSource(bench.db, service));
  bench.db.run("UPDATE sources SET next_look_at_ms = ? WHERE service = ?", bench.clock.now(), service);
  bench.log.append({
    service,
    kind: "source.asked",
    message: `${askerName(by)} asked for a look at the repository of ${service}${why(by)}`,
    data: askerData(by),
  });
}

function looked(bench: Workbench, service: ServiceKey, head: SourceCommit | undefined): void {
  const source = findSource(bench.db, service);
  if (source === undefined) return;
  if (source.failing !== undefined) {
    bench.log.append({
      service,
      kind: "source.recovered",
      message: `The repository of ${service} can be followed again.`,
      data: { attempts: source.failing.attempts },
    });
  }
  record(bench, source, { head, failing: undefined, pauseMs: source.intervalMs });
}

function waited(bench: Workbench, service: ServiceKey): void {
  const source = findSource(bench.db, service);
  if (source === undefined) return;
  const { failing, intervalMs } = source;
  const untilTryMs = (failing?.nextTryAtMs ?? 0) - bench.clock.now();
  const pauseMs = untilTryMs > 0 ? Math.min(intervalMs, untilTryMs) : intervalMs;
  record(bench, source, { head: undefined, failing, pauseMs });
}

function deployed(
  bench: Workbench,
  service: ServiceKey,
  head: SourceCommit,
  deploy: Omit<SourceDeploy, "atMs">,
): void {
  const source = findSource(bench.db, service);
  if (source === undefined) return;
  recordDeployed(bench, source, head, deploy);
  record(bench, source, { head, failing: undefined, pauseMs: source.intervalMs });
}

function began(
  bench: Workbench,
  service: ServiceKey,
  { actor }: Asker,
  { release, rollout }: Pick<SourceDeploy, "release" | "rollout">,
): void {
  if (actor.via !== "source") return;
  const source = requireSource(bench.db, service);
  const { commit, author, signer } = actor;
  // its follower adds the tree
  const deploy = { commit, tree: "", release, ...(rollout === undefined ? {} : { rollout }) };
  recordDeployed(bench, source, { id: commit, author, signer }, deploy);
}

/** With an event, unless it is recorded already. */
function recordDeployed(
  bench: Workbench,
  { service, url, branch, deployed: before }: GitSource,
  { id, author, signer }: Pick<SourceCommit, "id" | "author" | "signer">,
  deploy: Omit<SourceDeploy, "atMs">,
): void {
  const { release, rollout } = deploy;
  const at = JSON.stringify({ ...deploy, atMs: bench.clock.now() });
  bench.db.run("UPDATE sources SET deployed = ? WHERE service = ?", at, service);
  if (before?.commit === id && before.rollout === rollout) return;
  bench.log.append({
    service,
    kind: "source.deployed",
    message: `${service} is at commit ${shortCommit(id)} of ${branch}, by ${author}: release ${release}.`,
    data: {
      ...{ url, branch, commit: id, author, release, rollout },
      ...(signer === undefined ? {} : { signer }),
    },
  });
}

function failed(
  bench: Workbench,
  service: ServiceKey,
  failure: NewFailure,
  head: SourceCommit | undefined,
): void {
  const source = findSource(bench.db, service);
  if (source === undefined) return;
  const { failing } = source;
  const attempts = (failing?.commit === failure.commit ? (failing?.attempts ?? 0) : 0) + 1; // another commit may be the mended one
  const now = bench.clock.now();
  const pauseMs = pauseAfterFailures(attempts, source.intervalMs);
  const tried: SourceFailure = {
    ...{ sinceMs: failing?.sinceMs ?? now, attempts, ...failure },
    ...(failure.commit === undefined ? {} : { nextTryAtMs: now + pauseMs }),
  };
  record(bench, source, {
    ...{ head, failing: tried },
    pauseMs: failure.commit === undefined ? pauseMs : source.intervalMs,
  });
  const { code, message, commit, problems } = failure;
  if (failing?.code === code && failing.message === message && failing.commit === commit) return;
  bench.log.append({
    service,
    kind: "source.failed",
    message: `The repository of ${service} is not followed${commit === undefined ? "" : ` to commit ${shortCommit(commit)}`}: ${message}`,
    data: { code, problems, ...(commit === undefined ? {} : { commit }) },
  });
}

interface Look {
  /** Undefined: as it was. */
  readonly head: SourceCommit | undefined;
  readonly failing: SourceFailure | undefined;
  readonly pauseMs: number;
}

function record(
  { db, clock }: Workbench,
  { service, head: before }: GitSource,
  { head, failing, pauseMs }: Look,
): void {
  const now = clock.now();
  const seen = head ?? before;
  db.run(
    "UPDATE sources SET head = ?, looked_at_ms = ?, failing = ?, next_look_at_ms = ? WHERE service = ?",
    ...[seen === undefined ? null : JSON.stringify(seen), now],
    ...[failing === undefined ? null : JSON.stringify(failing), now + pauseMs, service],
  );
}
