import type { Logger } from "../../lib/log.ts";
import { previewedBy } from "../../router/preview-key.ts";
import type { RoutedService, Upstream } from "../../router/router.ts";
import type { HostServer } from "./host.ts";
import type { Jobs } from "./jobs.ts";
import { isRunning, type Member, type Memory } from "./memory.ts";
import { parseJobId, parseReproductionId, parseServerId } from "./server-id.ts";
import type { Servers } from "./servers.ts";
import type { Terminations } from "./terminations.ts";

export interface InventoryOptions {
  readonly memory: Memory;
  readonly servers: Servers;
  readonly terminations: Terminations;
  /** Undefined: the host runs none. */
  readonly jobs: Jobs | undefined;
  readonly log: Logger;
}

/** Takes in what the host has listed: what a former controller has left, and what has happened to what is known. */
export class Inventory {
  readonly #o: InventoryOptions;

  constructor(options: InventoryOptions) {
    this.#o = options;
  }

  /** What has changed here since `version` is newer than the list, and stays. */
  learn(listed: readonly HostServer[], routed: readonly RoutedService[], version: number): void {
    const { jobs, memory } = this.#o;
    const own = routed.filter((s) => previewedBy(s.service) === undefined);
    const upstreams = new Map(own.flatMap((s) => s.upstreams.map((t) => [t.id, t] as const)));
    jobs?.learn(listed, version);
    for (const found of listed) this.#learnServer(found, upstreams.get(found.id), version);
    const ids = new Set(listed.map((s) => s.id));
    for (const group of memory.groups.values()) {
      for (const member of group.members.values()) {
        if (!ids.has(member.id) && member.version <= version) this.#learnAbsence(member);
      }
    }
  }

  #learnServer(found: HostServer, routed: Upstream | undefined, version: number): void {
    const { memory, servers, terminations, log } = this.#o;
    const member = memory.find(found.id);
    if (member === undefined) {
      if (parseJobId(found.id) ?? parseReproductionId(found.id)) return;
      const name = parseServerId(found.id);
      if (name === undefined)
        log.warn({ server: found.id }, "The host lists a server that has no name of ours");
      else if (!memory.isGoneSince(found.id, version)) servers.adopt(found, name, routed);
    } else if (found.state === "exited" && isRunning(member) && member.version <= version) {
      terminations.ended(member, found.exit);
    } else if (found.lost !== undefined && isRunning(member) && member.version <= version) {
      terminations.fail(member, "unready", `cannot be reached: ${found.lost}`);
    } else if (member.state === "failed" && needsStop(found) && member.version <= version) {
      terminations.stopAgain(member);
    }
  }

  /** Something that the host should have is not there: another program removed it. */
  #learnAbsence(member: Member): void {
    const { terminations, memory } = this.#o;
    if (isRunning(member)) terminations.ended(member, undefined);
    else if (member.state === "failed" || member.state === "quarantined") memory.forget(member);
  }
}

function needsStop({ state, unfreed }: HostServer): boolean {
  return state === "running" || unfreed === true;
}
