import assert from "node:assert";
import type { GroupSpec } from "../contract/platform.ts";
import type { Background } from "./background.ts";
import { type Group, type Memory, viewOf } from "./memory.ts";
import { type GroupAction, reconcileGroup } from "./reconcile.ts";
import type { Servers } from "./servers.ts";
import type { Terminations } from "./terminations.ts";

export interface GroupReconcilerOptions {
  readonly memory: Memory;
  readonly background: Background;
  readonly servers: Servers;
  readonly terminations: Terminations;
  /** Servers of the group have changed, and what follows from that has begun. */
  readonly onSettled: (group: Group) => void;
}

/** Keeps every group whole: servers that are missing are created, those that are too many leave. */
export class GroupReconciler {
  readonly #o: GroupReconcilerOptions;
  readonly #changed = new Set<Group>();

  constructor(options: GroupReconcilerOptions) {
    this.#o = options;
  }

  /** Exactly so many servers of the release from now on. */
  resize(spec: GroupSpec, size: number): void {
    assert(Number.isInteger(size) && size >= 0, "a group's size is a whole number");
    const group = this.#o.memory.group(spec.release.service, spec.release.number);
    group.wanted = { ...spec, size };
    this.#makeWhole(group);
  }

  /** Many servers change at once; their group is looked at when all that happens now has happened. */
  noteChange(group: Group): void {
    if (!this.#changed.has(group)) queueMicrotask(() => this.#settle(group));
    this.#changed.add(group);
  }

  #settle(group: Group): void {
    this.#changed.delete(group);
    if (this.#o.background.signal.aborted) return;
    this.#makeWhole(group);
    this.#o.onSettled(group);
  }

  #makeWhole(group: Group): void {
    const { actions, wakeAtMs } = reconcileGroup(viewOf(group), this.#o.background.clock.elapsed());
    for (const action of actions) this.#act(group, action);
    this.#wake(group, wakeAtMs);
  }

  #act(group: Group, action: GroupAction): void {
    const { servers, terminations } = this.#o;
    if (action.kind === "create") {
      assert(group.wanted, "only a wanted group gets servers");
      servers.create(group, group.wanted.release, action.slot, action.attempt);
      return;
    }
    const member = group.members.get(action.id);
    assert(member, "an action is about a server of the group");
    if (action.kind === "leave") terminations.leave(member);
    else terminations.discard(member);
  }

  /** When a back-off ends, the group is looked at again. */
  #wake(group: Group, atMs: number | undefined): void {
    const { background } = this.#o;
    group.timer?.abort();
    group.timer = undefined;
    if (atMs === undefined) return;
    const timer = new AbortController();
    group.timer = timer;
    const signal = AbortSignal.any([timer.signal, background.signal]);
    void background.run(`Waiting to replace a server of ${group.service}`, async () => {
      await background.clock.sleep(atMs - background.clock.elapsed(), signal).catch(() => {});
      if (!signal.aborted) this.#makeWhole(group);
    });
  }
}
