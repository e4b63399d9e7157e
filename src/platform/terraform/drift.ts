import type { Finding, IntegrityTier } from "../../domain/drift/drift.ts";
import { clauseOf } from "../../lib/errors.ts";
import { createLock } from "../../lib/locks.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { DriftNotice, DriftSource } from "../contract/drift-source.ts";
import type { ChangedResource } from "./changed-resources.ts";

export interface TerraformDriftParts {
  /** The groups that there are. */
  readonly groups: () => readonly string[];
  /** What is changed of one group now. Throws what Terraform's errors become. */
  readonly look: (group: string) => Promise<readonly ChangedResource[]>;
  /** The server of that name, as long as it is one that counts. */
  readonly serverOf: (name: string) => Pick<Finding, "server" | "service" | "release"> | undefined;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Compares what Terraform has made with what is there (`plan -refresh-only`), every few minutes and on demand. What belongs to one server is a
 * finding, what servers share a notice. The comparison reaches as far as the provider reads.
 */
export function startTerraformDrift({
  groups,
  look,
  serverOf,
  everyMs,
  clock,
  log,
}: TerraformDriftParts): DriftSource {
  const ended = new AbortController();
  const finders = new Set<(finding: Finding) => void>();
  const noticers = new Set<(notice: DriftNotice) => void>();
  const findings = new Map<string, Finding>();
  const told = new Map<string, ReadonlySet<string>>();
  const blind = new Set<string>();
  const oneAtATime = createLock();

  async function lookAtAll(): Promise<void> {
    for (const [key, { server }] of findings) if (serverOf(server) === undefined) findings.delete(key);
    const present = groups();
    for (const group of [...told.keys()]) if (!present.includes(group)) told.delete(group);
    for (const group of present) await lookAt(group);
  }

  async function lookAt(group: string): Promise<void> {
    try {
      const changed = await look(group);
      blind.delete(group);
      take(group, changed);
    } catch (error) {
      if (ended.signal.aborted || blind.has(group) || !groups().includes(group)) return;
      blind.add(group);
      tell(blindNotice(group, clauseOf(error)));
    }
  }

  function take(group: string, changed: readonly ChangedResource[]): void {
    const before = told.get(group);
    told.set(group, new Set(changed.map(({ address, words }) => `${address} ${words}`)));
    for (const resource of changed) {
      const server = resource.key === undefined ? undefined : serverOf(resource.key);
      if (server !== undefined) found(server, resource);
      else if (!before?.has(`${resource.address} ${resource.words}`)) tell(noticeOf(group, resource));
    }
  }

  function found(
    server: Pick<Finding, "server" | "service" | "release">,
    { address, words }: ChangedResource,
  ): void {
    const key = `${server.server} ${address}`;
    if (findings.has(key)) return; // a taint is for good
    const base = { ...server, kind: "bundle", subject: address, atMs: clock.now() } as const;
    const finding: Finding = { ...base, detail: `${address}: ${words}`, who: undefined, seenBy: "plan" };
    findings.set(key, finding);
    log.warn({ ...finding }, "a server has drifted");
    for (const each of finders) each(finding);
  }

  function tell(notice: DriftNotice): void {
    log.warn({ ...notice.data }, notice.message);
    for (const each of noticers) each(notice);
  }

  async function lookAgain(): Promise<void> {
    while (!ended.signal.aborted) {
      await clock.sleep(everyMs, ended.signal).catch(() => {});
      if (!ended.signal.aborted) await oneAtATime(lookAtAll);
    }
  }

  void lookAgain();
  return {
    watch: (each) => added(finders, each),
    watchNotices: (each) => added(noticers, each),
    findings: () => [...findings.values()].toSorted((a, b) => a.atMs - b.atMs),
    async inspect() {
      await oneAtATime(lookAtAll);
      return this.findings();
    },
    async [Symbol.asyncDispose]() {
      ended.abort();
    },
  };
}

function added<T>(set: Set<T>, one: T): Disposable {
  set.add(one);
  return { [Symbol.dispose]: () => void set.delete(one) };
}

function noticeOf(group: string, { address, attributes, words }: ChangedResource): DriftNotice {
  return {
    kind: "drift.object",
    message: `Of the group ${group}, ${address}: ${words}.`,
    data: { object: address, group, fields: attributes },
  };
}

function blindNotice(group: string, reason: string): DriftNotice {
  return {
    kind: "drift.tier",
    message: `Kiln does not see changes by others of the group ${group}: ${reason}.`,
    data: { tier: "none", reason },
  };
}

export function terraformIntegrity(minutes: string): IntegrityTier {
  return {
    name: "plan",
    facts: [
      {
        what: "changing or removing its machine in the cloud",
        speed: "minutes",
        how: `Terraform compares it every ${minutes} min, as far as its provider reads it`,
      },
      {
        what: "changing anything within the machine",
        speed: "unseen",
        how: "Terraform does not look into it; `servers.maxAge` limits how long a change lasts",
      },
    ],
  };
}
