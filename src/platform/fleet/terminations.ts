import type { ServerFailure } from "../../domain/observation.ts";
import { type Limiter, limiter } from "../../lib/limiter.ts";
import { elapsedAt } from "../../lib/time/clock.ts";
import type { Router } from "../../router/router.ts";
import type { Background } from "./background.ts";
import { exitWords, refusalWords } from "./health/failure.ts";
import { lastLines } from "./health/log-tail.ts";
import type { Host, HostServer } from "./host.ts";
import type { Group, KnownFailure, Member, Memory } from "./memory.ts";
import { withFailure } from "./reconcile.ts";
import type { Traffic } from "./traffic/traffic.ts";

const stopGraceMs = 10_000;
const stopTimeoutMs = 30_000;
const drainPollMs = 50;
/** The last part of the drain time, over which long connections are closed: their clients come back one by one. */
const closingPart = 1 / 4;
/** So often in that time, if the poll allows. */
const closings = 30;
const keptFailures = 10;

export interface TerminationsOptions {
  readonly host: Host;
  readonly router: Router;
  readonly memory: Memory;
  readonly traffic: Traffic;
  readonly background: Background;
  /** How many servers are stopped at once. */
  readonly parallelism: number;
  /** A server of the group has changed: make the group whole again and inform all watchers. */
  readonly onChange: (group: Group) => void;
}

/** How servers end, wanted or not. Each step runs in the background and may be repeated after a crash. */
export class Terminations {
  readonly #o: TerminationsOptions;
  readonly #stops: Limiter;
  readonly #destroying = new WeakSet<Member>();

  constructor(options: TerminationsOptions) {
    this.#o = options;
    this.#stops = limiter(options.parallelism);
  }

  /** Its process has ended, or it is gone without a trace. */
  ended(member: Member, exit: HostServer["exit"]): void {
    this.fail(member, "exited", exitWords(exit, member.createdAtMs));
  }

  /** Out of traffic, drained, stopped, destroyed: from the beginning, or from where a former controller had come to. */
  leave(member: Member): void {
    this.#move(member, "leaving");
    member.wanted.abort();
    void this.#o.background.run(`Removing ${member.id}`, () => this.#leave(member));
  }

  /** Out of traffic and destroyed without waiting for anything. */
  async destroy(
    member: Member,
    call: { readonly signal: AbortSignal; readonly deadline: number },
  ): Promise<void> {
    member.drained = true;
    member.wanted.abort();
    if (member.state !== "leaving") this.#move(member, "leaving");
    await member.creation;
    try {
      await this.#o.traffic.refresh(member.name.service);
      await this.#o.host.destroy(member.id, call);
    } catch (error) {
      this.#destroyLater(member);
      throw error;
    }
    this.#forget(member);
  }

  /** Once begun it is finished: a server that leaves is not wanted again. */
  #destroyLater(member: Member): void {
    if (this.#destroying.has(member)) return;
    this.#destroying.add(member);
    void this.#o.background.run(`Destroying ${member.id}`, async () => {
      await this.#persist(member, "Routing around", () => this.#refresh(member));
      await this.#destroy(member);
    });
  }

  /** Out of traffic for good; stays as it is otherwise. The end of a server that was already given up continues. */
  async quarantine(member: Member): Promise<void> {
    member.drained = true;
    member.wanted.abort();
    if (["half-made", "creating", "starting", "ready"].includes(member.state)) {
      this.#move(member, "quarantined");
      this.#changed(member);
    }
    await this.#o.traffic.refresh(member.name.service);
  }

  /** One that a former controller has put in quarantine. */
  keepAway(member: Member, quarantinedAtMs: number): void {
    member.drained = true;
    member.wanted.abort();
    this.#move(member, "quarantined");
    member.sinceMs = elapsedAt(this.#o.background.clock, quarantinedAtMs);
    this.#changed(member);
    if (!member.wasInTraffic) return;
    void this.#o.background.run(`Routing around ${member.id}`, async () => {
      await Promise.resolve(); // until all that was listed is taken in: the router must not get a part of it
      await this.#persist(member, "Routing around", () => this.#refresh(member));
    });
  }

  /** Removes the record of a failed server. */
  discard(member: Member): void {
    this.#move(member, "failing");
    void this.#o.background.run(`Removing the record of ${member.id}`, () => this.#destroy(member));
  }

  /** Given up: what it leaves to think about is kept, then it is stopped. */
  fail(member: Member, kind: ServerFailure["kind"], reason: string, permanent = false): void {
    const readyForMs = member.state === "ready" ? this.#now() - member.sinceMs : 0;
    this.#noteFailure(member, this.#now(), readyForMs);
    member.wanted.abort();
    this.#move(member, "failing");
    this.#o.traffic.nudge(member.name.service);
    void this.#o.background.run(`Burying ${member.id}`, async () => {
      await this.#report(member, { kind, reason, permanent, failedMs: this.#now() });
      await this.#persist(member, "Routing around", () => this.#refresh(member));
      if (kind === "not-created") return this.#destroy(member);
      await this.#rest(member);
    });
    this.#changed(member);
  }

  /** A server that ended while no controller ran. An end together with the machine does not count as a failure of its release. */
  buryLeftOver(member: Member, found: HostServer): void {
    const { clock } = this.#o.background;
    const endedMs = found.exit === undefined ? this.#now() : elapsedAt(clock, found.exit.atMs);
    this.#noteFailure(member, endedMs, 0);
    this.#move(member, "failing");
    void this.#o.background.run(`Burying ${member.id}`, async () => {
      await Promise.resolve(); // until all that was listed is taken in: the router must not get a part of it
      if (found.exit?.code !== undefined) {
        const reason = exitWords(found.exit, found.createdAtMs);
        await this.#report(member, { kind: "exited", reason, permanent: false, failedMs: endedMs });
      }
      await this.#persist(member, "Routing around", () => this.#refresh(member));
      await this.#rest(member);
      member.sinceMs = endedMs;
    });
  }

  /** One that was given up and stopped, and that its host runs all the same, or has not freed. */
  stopAgain(member: Member): void {
    this.#move(member, "failing");
    void this.#o.background.run(`Stopping ${member.id} once more`, () => this.#rest(member));
  }

  #noteFailure(member: Member, failedMs: number, readyForMs: number): void {
    const { slots } = this.#o.memory.groupOf(member);
    const { slot, attempt } = member.name;
    slots.set(slot, withFailure(slots.get(slot), attempt, failedMs, readyForMs));
  }

  async #report(
    member: Member,
    noted: Pick<KnownFailure, "kind" | "reason" | "permanent" | "failedMs">,
  ): Promise<void> {
    const logTail = await lastLines(this.#o.host, this.#o.background, member.id);
    const refusal = noted.kind === "exited" ? refusalWords(logTail, member.user) : "";
    const what = { ...noted, reason: noted.reason + refusal };
    const group = this.#o.memory.groupOf(member);
    const probes = member.health?.recent ?? [];
    const failure = { id: member.id, ...what, probes, logTail };
    group.failures = [...group.failures, failure]
      .sort((a, b) => a.failedMs - b.failedMs)
      .slice(-keptFailures);
    group.failed++;
    this.#o.background.log.warn({ server: member.id, kind: what.kind }, `${member.id} ${what.reason}`);
    this.#changed(member);
  }

  /** Stops what still runs; its record and logs stay. */
  async #rest(member: Member): Promise<void> {
    await this.#stop(member);
    if (member.state !== "failing") return;
    this.#move(member, "failed");
    this.#changed(member);
  }

  async #leave(member: Member): Promise<void> {
    this.#changed(member);
    await member.creation;
    const refresh = () => this.#refresh(member);
    if (member.wasInTraffic && !member.drained) {
      await this.#persist(member, "Draining", refresh);
      await this.#drain(member);
    }
    member.drained = true;
    await this.#persist(member, "Routing around", refresh);
    if (member.address !== undefined) await this.#retire(member);
    await this.#destroy(member);
  }

  /** This controller may not live to see the end: it must not look like a failure to the next one. */
  async #retire(member: Member): Promise<void> {
    const { host, background } = this.#o;
    await this.#persist(member, "Retiring", () => host.retire(member.id, background.call(stopTimeoutMs)));
    await this.#stop(member);
  }

  /**
   * Waits until no request is open or the drain time is over; one that was on its way when first asked counts too. What
   * may stay open for hours is not cut all at once at the end, but bit by bit before it.
   */
  async #drain(member: Member): Promise<void> {
    const { background } = this.#o;
    const drainMs = this.#o.memory.groupOf(member).wanted?.drainMs ?? 0;
    const endMs = this.#now() + drainMs;
    const closingMs = drainMs * closingPart;
    let closeAtMs = endMs - closingMs;
    for (let idle = 0; idle < 2 && !member.drained && this.#now() < endMs; ) {
      idle = (await this.#openRequests(member)) === 0 ? idle + 1 : 0;
      if (idle === 0 && this.#now() >= closeAtMs) {
        await this.#closeLong(member, 1 - (endMs - this.#now()) / closingMs);
        closeAtMs = this.#now() + closingMs / closings;
      }
      if (idle < 2)
        await background.clock.sleep(
          Math.max(0, Math.min(drainPollMs, endMs - this.#now())),
          background.signal,
        );
    }
  }

  async #openRequests(member: Member): Promise<number> {
    try {
      return await this.#o.router.open(member.name.service, member.id, { signal: this.#o.background.signal });
    } catch {
      return 1; // not known: wait as long as the drain time allows
    }
  }

  /** A help for clients only: what stays open ends with the server. */
  async #closeLong(member: Member, progress: number): Promise<void> {
    const { router, background } = this.#o;
    try {
      await router.closeLong?.(member.name.service, member.id, progress, { signal: background.signal });
    } catch (error) {
      background.log.debug({ err: error }, `Closing long connections of ${member.id} failed`);
    }
  }

  #refresh(member: Member): Promise<void> {
    return this.#o.traffic.refresh(member.name.service);
  }

  async #stop(member: Member): Promise<void> {
    const { host, background } = this.#o;
    await this.#persist(member, "Stopping", async () => {
      if (this.#isForgotten(member)) return;
      const graceMs = member.release.shape.stop?.graceMs ?? stopGraceMs;
      await this.#stops(() => host.stop(member.id, graceMs, background.call(graceMs + stopTimeoutMs)));
    });
  }

  async #destroy(member: Member): Promise<void> {
    const { host, background } = this.#o;
    await this.#persist(member, "Destroying", () =>
      this.#stops(() => host.destroy(member.id, background.call(stopTimeoutMs))),
    );
    this.#forget(member);
  }

  #persist(member: Member, doing: string, step: () => Promise<void>): Promise<void> {
    return this.#o.background.persist(member.name.service, `${doing} ${member.id}`, step);
  }

  #forget(member: Member): void {
    if (this.#isForgotten(member)) return;
    this.#o.memory.forget(member);
    this.#changed(member);
  }

  #isForgotten(member: Member): boolean {
    return this.#o.memory.find(member.id) !== member;
  }

  #move(member: Member, state: Member["state"]): void {
    this.#o.memory.move(member, state, this.#now());
  }

  #changed(member: Member): void {
    this.#o.onChange(this.#o.memory.groupOf(member));
  }

  #now(): number {
    return this.#o.background.clock.elapsed();
  }
}
