import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { NewCandidate, PromotionCandidate } from "../../domain/policy/candidate.ts";
import type { Approval, Freeze, Override, PolicyFile } from "../../domain/policy/policy.ts";
import { policyRules } from "../../domain/schema/policy.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import { jsonColumn } from "../sqlite/json-column.ts";
import type { Workbench } from "../workbench.ts";
import { type Approved, insertApproval, selectApprovals } from "./approvals.ts";
import { insertCandidate, selectCandidates } from "./candidates.ts";
import { deleteFreezes, insertFreeze, type NewFreeze, selectFreezes, type WhichFreezes } from "./freezes.ts";
import { reviewOverride, selectOverrides } from "./overrides.ts";

/** What must hold before a rollout begins. */
export interface PolicyStore {
  /** Newest first; of one service (its own name) or of all. */
  candidates(service?: string): readonly PromotionCandidate[];
  /** The newest one when it is the same in all but its origin. */
  addCandidate(candidate: NewCandidate, by: Asker): PromotionCandidate;
  /** Of one plan (its digest), the oldest first. */
  approvals(plan: string): readonly Approval[];
  approve(what: Approved, by: Asker): Approval;
  /** Undefined: none was set. */
  file(): PolicyFile | undefined;
  /** In place of the one before. */
  setFile(file: Pick<PolicyFile, "name" | "text" | "rules">, by: Asker): PolicyFile;
  /** False when there was none. */
  removeFile(by: Asker): boolean;
  /** Those that hold now, the oldest first. */
  freezes(): readonly Freeze[];
  freeze(wanted: NewFreeze, by: Asker): Freeze;
  /** Lifts those that hold now, and returns them. */
  unfreeze(which: WhichFreezes, by: Asker): readonly Freeze[];
  /** Newest first, with reviews; of one service or of all. */
  overrides(service?: ServiceKey): readonly Override[];
  /** Throws `override_unknown`, and `review_refused` for the person who has overridden, and for a second review. */
  review(rollout: number, reason: string, by: Asker): Override;
}

export function openPolicies(bench: Workbench): PolicyStore {
  const changing = <Result>(work: () => Result) => bench.db.transaction(work);
  return {
    candidates: (service) => selectCandidates(bench.db, service),
    addCandidate: (candidate, by) => changing(() => insertCandidate(bench, candidate, by)),
    approvals: (plan) => selectApprovals(bench.db, plan),
    approve: (what, by) => changing(() => insertApproval(bench, what, by)),
    file: () => selectFile(bench),
    setFile: (file, by) => changing(() => replaceFile(bench, file, by)),
    removeFile: (by) => changing(() => deleteFile(bench, by)),
    freezes: () => selectFreezes(bench),
    freeze: (wanted, by) => changing(() => insertFreeze(bench, wanted, by)),
    unfreeze: (which, by) => changing(() => deleteFreezes(bench, which, by)),
    overrides: (service) => selectOverrides(bench.db, service),
    review: (rollout, reason, by) => changing(() => reviewOverride(bench, rollout, reason, by)),
  };
}

const readRules = jsonColumn("policy_file.rules", policyRules);

interface FileRow {
  readonly name: string;
  readonly text: string;
  readonly rules: string;
  readonly set_at_ms: number;
  readonly set_by: string;
}

function selectFile({ db }: Workbench): PolicyFile | undefined {
  const row = db.get<FileRow>("SELECT * FROM policy_file");
  if (row === undefined) return undefined;
  const { name, text, rules, set_at_ms: setAtMs, set_by: setBy } = row;
  return { name, text, rules: readRules(rules), setAtMs, setBy };
}

function replaceFile(
  { db, log, clock }: Workbench,
  { name, text, rules }: Pick<PolicyFile, "name" | "text" | "rules">,
  by: Asker,
): PolicyFile {
  const set = { setAtMs: clock.now(), setBy: askerName(by) };
  db.run(
    "INSERT OR REPLACE INTO policy_file (one, name, text, rules, set_at_ms, set_by) VALUES (1, ?, ?, ?, ?, ?)",
    ...[name, text, canonicalJson(rules), set.setAtMs, set.setBy],
  );
  log.append({
    service: undefined,
    kind: "policy.set",
    message: `${askerName(by)} set the policy file ${name}, which has ${rules.length} rules${why(by)}`,
    data: { name, digest: digestOf(text), text, ...askerData(by) },
  });
  return { name, text, rules, ...set };
}

function deleteFile({ db, log }: Workbench, by: Asker): boolean {
  const { changes } = db.run("DELETE FROM policy_file");
  if (changes === 0) return false;
  log.append({
    service: undefined,
    kind: "policy.removed",
    message: `${askerName(by)} removed the policy file${why(by)}`,
    data: askerData(by),
  });
  return true;
}
