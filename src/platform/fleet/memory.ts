import type { JobId, ServerId, ServiceKey } from "../../domain/ids.ts";
import type { ServerFailure } from "../../domain/observation.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { GroupSpec } from "../contract/platform.ts";
import type { Health } from "./health/health.ts";
import type { HostServer } from "./host.ts";
import type { GroupView, SlotHistory, SlotState } from "./reconcile.ts";
import { parseServerId, type ServerName } from "./server-id.ts";

/**
 * A server as the fleet knows it. How long it is in its state is counted as `Clock.elapsed` does, as all that the fleet
 * waits for is: setting the clock must not end a drain, a back-off or a server's time to become ready.
 */
export interface Member {
  readonly id: ServerId;
  readonly name: ServerName;
  readonly release: Release;
  /** Unix time in ms: it outlasts the controller. */
  createdAtMs: number;
  state: SlotState;
  sinceMs: number;
  address: string | undefined;
  /** Whom its program runs as, once its host has told. */
  user?: HostServer["user"];
  /** The machine's own address on the way to it; undefined when that is not known. */
  reachedFrom: string | undefined;
  /** Where it is reached if it listens by IPv6 alone. Absent: it has no such address, or is reached there by now. */
  ipv6?: HostServer["ipv6"];
  health: Health | undefined;
  /** Why connections to it are refused, in words that may be empty, and when (`Clock.elapsed`) that was looked up. */
  explanation?: { readonly atMs: number; readonly words: string };
  /** The router has or had it with a weight above 0: requests may be open. */
  wasInTraffic: boolean;
  /** The router no longer needs to know it. */
  drained: boolean;
  /** Ends what only a wanted server needs: its creation, its health checks. */
  readonly wanted: AbortController;
  /** Its creation while that runs; never rejects. */
  creation: Promise<void> | undefined;
  /** The memory's version when it last changed. */
  version: number;
}

export type KnownFailure = Omit<ServerFailure, "atMs" | "release"> & {
  /** When that was, as `Clock.elapsed` counts. */
  readonly failedMs: number;
};

/** All servers of one release, and what is wanted of them. */
export interface Group {
  readonly service: ServiceKey;
  readonly release: number;
  /** What `resize` was last asked for; undefined when that is not known. */
  wanted: (GroupSpec & { readonly size: number }) | undefined;
  readonly members: Map<ServerId, Member>;
  readonly slots: Map<number, SlotHistory>;
  failures: KnownFailure[];
  failed: number;
  /** Cancels the timer of a back-off. */
  timer: AbortController | undefined;
  /** Since when no server is there or wanted, as `Clock.elapsed` counts. */
  emptySinceMs: number | undefined;
}

/** How long the failures of a group that is gone can still be observed. */
const failuresKeptMs = 10 * 60_000;

/** All that the fleet holds of groups and servers. Host and router have the truth; this is how it is known here. */
export class Memory {
  readonly groups = new Map<string, Group>();
  /** Grows with every change: what was read from the host before a change says nothing about the changed server. */
  version = 0;
  readonly #gone = new Map<ServerId | JobId, number>();
  /** The versions as of which the host is being asked: looks may overlap, and the slowest knows least. */
  readonly #looks: number[] = [];

  group(service: ServiceKey, release: number): Group {
    const key = `${service}-${release}`;
    const known = this.groups.get(key);
    if (known !== undefined) return known;
    const group: Group = {
      service,
      release,
      wanted: undefined,
      members: new Map(),
      slots: new Map(),
      failures: [],
      failed: 0,
      timer: undefined,
      emptySinceMs: undefined,
    };
    this.groups.set(key, group);
    return group;
  }

  groupOf(member: Member): Group {
    return this.group(member.name.service, member.name.release);
  }

  groupsOf(service: ServiceKey): readonly Group[] {
    return [...this.groups.values()].filter((g) => g.service === service);
  }

  /** True when no server is left, in whatever state. */
  get isEmpty(): boolean {
    return this.groups.values().every((group) => group.members.size === 0);
  }

  add(member: Omit<Member, "version">): Member {
    const added = { ...member, version: ++this.version };
    const group = this.groupOf(added);
    group.members.set(added.id, added);
    const { slot, attempt } = added.name;
    const history = group.slots.get(slot) ?? {
      attempts: 0,
      failures: 0,
      lastFailureMs: Number.NEGATIVE_INFINITY,
    };
    group.slots.set(slot, { ...history, attempts: Math.max(history.attempts, attempt) });
    return added;
  }

  find(id: ServerId): Member | undefined {
    const name = parseServerId(id);
    return name && this.groups.get(`${name.service}-${name.release}`)?.members.get(id);
  }

  move(member: Member, state: SlotState, nowMs: number): void {
    member.state = state;
    member.sinceMs = nowMs;
    member.version = ++this.version;
  }

  forget(member: Member): void {
    member.wanted.abort();
    this.groupOf(member).members.delete(member.id);
    this.noteGone(member.id);
  }

  /** It is gone from the host by our own doing. */
  noteGone(id: ServerId | JobId): void {
    this.#gone.set(id, ++this.version);
  }

  /** True when this server went after the host was asked, as of `version`: that it was listed means nothing. */
  isGoneSince(id: ServerId | JobId, version: number): boolean {
    return (this.#gone.get(id) ?? -1) > version;
  }

  /** Why servers of a group failed can be observed for a while after the last of them is gone. */
  forgetOldFailures(nowMs: number): void {
    for (const group of this.groups.values()) {
      const isEmpty = group.members.size === 0 && (group.wanted?.size ?? 0) === 0;
      group.emptySinceMs = isEmpty ? (group.emptySinceMs ?? nowMs) : undefined;
      if (nowMs - (group.emptySinceMs ?? nowMs) >= failuresKeptMs) group.failures = [];
    }
  }

  /** The host is about to be asked. What has changed by the returned version is known to be in its answer. */
  beginLook(): number {
    this.#looks.push(this.version);
    return this.version;
  }

  /** Its answer has been taken in, or will not come. Drops what matters to no answer that is still to come. */
  endLook(version: number): void {
    this.#looks.splice(this.#looks.indexOf(version), 1);
    const oldest = Math.min(this.version, ...this.#looks);
    for (const [id, at] of this.#gone) if (at <= oldest) this.#gone.delete(id);
  }
}

/** Whether its process may be doing its work. */
export function isRunning({ state }: Member): boolean {
  return state === "starting" || state === "ready";
}

/** The group as the reconciler sees it. */
export function viewOf(group: Group): GroupView {
  return {
    size: group.wanted?.size,
    replacing: group.wanted?.replacing ?? [],
    slots: group.slots,
    servers: [...group.members.values()].map(({ id, name, state, sinceMs }) => ({
      id,
      slot: name.slot,
      attempt: name.attempt,
      state,
      sinceMs,
    })),
  };
}
