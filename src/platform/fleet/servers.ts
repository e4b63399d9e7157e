import { type ServerName, serverId } from "../../domain/ids.ts";
import type { ServerFailure } from "../../domain/observation.ts";
import type { Release } from "../../domain/release.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import type { Router } from "../../router/router.ts";
import type { Background } from "./background.ts";
import { exitWords, overdueWords } from "./failure.ts";
import { judge, newHealth, nextProbeMs } from "./health.ts";
import type { Host, HostServer } from "./host.ts";
import { type Limiter, limiter } from "./limiter.ts";
import type { Group, Member, Memory } from "./memory.ts";
import type { Prober } from "./prober.ts";
import { withFailure } from "./reconcile.ts";
import type { Traffic } from "./traffic.ts";

const createTimeoutMs = 60_000;
const createTries = 3;
const createPauseMs = 1000;
const stopGraceMs = 10_000;
const stopTimeoutMs = 30_000;
const drainPollMs = 50;
const tailLines = 20;
const tailTimeoutMs = 1000;
const keptFailures = 10;

export interface ServersOptions {
  readonly host: Host;
  readonly router: Router;
  readonly prober: Prober;
  readonly memory: Memory;
  readonly traffic: Traffic;
  readonly background: Background;
  readonly parallelism: number;
  /** A server of the group has changed: make the group whole again and tell whoever watches. */
  readonly onChange: (group: Group) => void;
  /** A health check failed, or there is none: the server's process may have ended unseen. */
  readonly onDoubt: (member: Member) => void;
}

/** The lives of servers: each step of one runs in the background and may be repeated after a crash. */
export class Servers {
  readonly #o: ServersOptions;
  readonly #creations: Limiter;
  readonly #stops: Limiter;

  constructor(options: ServersOptions) {
    this.#o = options;
    this.#creations = limiter(options.parallelism);
    this.#stops = limiter(options.parallelism * 4); // they mostly wait for a process to end
  }

  /** Starts a server in this slot, or completes the half-made one of that id. */
  create(group: Group, release: Release, slot: number, attempt: number): void {
    const name = { service: group.service, release: group.release, slot, attempt };
    const member = group.members.get(serverId(name)) ?? this.#add(name, release);
    this.#move(member, "creating");
    member.creation = this.#o.background.run(`Creating ${member.id}`, () => this.#create(member));
  }

  /** Takes in a server that a former controller left behind. `weight`: what the router gives it, if it knows it. */
  adopt(found: HostServer, name: ServerName, weight: number | undefined): void {
    const member = this.#add(name, found.release, found.createdAtMs);
    member.address = found.address;
    member.wasInTraffic = weight !== undefined;
    if (found.state === "creating") this.#move(member, "half-made");
    else if (found.state === "exited") this.#buryLeftOver(member, found);
    else this.#start(member, found, weight !== undefined && weight > 0 ? "ready" : "starting");
  }

  /** Its process has ended, or it is gone without a trace. */
  ended(member: Member, exit: HostServer["exit"]): void {
    this.#fail(member, "exited", exitWords(exit, member.createdAtMs));
  }

  /** Out of traffic, drained, stopped, destroyed. */
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
    await this.#o.traffic.refresh(member.name.service);
    await this.#o.host.destroy(member.id, call);
    this.#forget(member);
  }

  /** Out of traffic for good; stays as it is otherwise. */
  async quarantine(member: Member): Promise<void> {
    member.drained = true;
    member.wanted.abort();
    this.#move(member, "quarantined");
    this.#changed(member);
    await this.#o.traffic.refresh(member.name.service);
  }

  /** Removes the record of a failed server. */
  discard(member: Member): void {
    this.#move(member, "failing");
    void this.#o.background.run(`Removing the record of ${member.id}`, () => this.#destroy(member));
  }

  #add(name: ServerName, release: Release, createdAtMs = this.#now()): Member {
    return this.#o.memory.add({
      id: serverId(name),
      name,
      release,
      createdAtMs,
      state: "creating",
      sinceMs: this.#now(),
      address: undefined,
      health: undefined,
      wasInTraffic: false,
      drained: false,
      wanted: new AbortController(),
      creation: undefined,
    });
  }

  async #create(member: Member): Promise<void> {
    try {
      const found = await this.#creations(() => this.#tryToCreate(member));
      member.creation = undefined;
      if (found !== undefined && member.state === "creating") this.#start(member, found, "starting");
    } catch (error) {
      member.creation = undefined;
      if (this.#o.background.signal.aborted || member.state !== "creating") return;
      this.#fail(member, "not-created", `could not be started: ${toKilnError(error).message}`);
    }
  }

  /** Undefined when it is not wanted any more. A fault that may pass by itself is not held against the server. */
  async #tryToCreate(member: Member): Promise<HostServer | undefined> {
    const { host, background } = this.#o;
    const signal = AbortSignal.any([member.wanted.signal, background.signal]);
    for (let tries = 1; !signal.aborted; tries++) {
      try {
        return await host.create(
          { id: member.id, release: member.release },
          background.call(createTimeoutMs, signal),
        );
      } catch (error) {
        const mayPass = error instanceof KilnError && error.retry;
        if (!mayPass || tries === createTries) throw error;
        await background.clock.sleep(createPauseMs, signal);
      }
    }
    return undefined;
  }

  #start(member: Member, found: HostServer, phase: "starting" | "ready"): void {
    member.address = found.address;
    member.createdAtMs = found.createdAtMs;
    if (found.state === "exited") {
      this.ended(member, found.exit);
      return;
    }
    member.health = newHealth(phase, this.#now());
    this.#move(member, phase);
    this.#changed(member);
    void this.#o.background.run(`Checking ${member.id}`, () => this.#watchHealth(member));
  }

  async #watchHealth(member: Member): Promise<void> {
    const { background, prober } = this.#o;
    const signal = AbortSignal.any([member.wanted.signal, background.signal]);
    const spec = member.release.health;
    try {
      if (member.state === "ready") await background.clock.sleep(phaseMs(member, spec.intervalMs), signal);
      while (!signal.aborted && member.health !== undefined) {
        const startedMs = this.#now();
        const result = await prober.probe(targetOf(member), signal);
        if (signal.aborted) return;
        if (!result.ok || spec.check.kind === "alive") this.#o.onDoubt(member);
        const health = judge(member.health, result, spec, this.#now());
        this.#takeHealth(member, health);
        await background.clock.sleep(Math.max(0, nextProbeMs(health, spec, startedMs) - this.#now()), signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #takeHealth(member: Member, health: NonNullable<Member["health"]>): void {
    member.health = health;
    if (health.phase === member.state) return;
    if (health.phase === "overdue") {
      this.#fail(member, "unready", overdueWords(member.release.health.deadlineMs, health.recent.at(-1)));
      return;
    }
    this.#move(member, health.phase);
    this.#o.traffic.nudge(member.name.service);
    this.#changed(member);
  }

  #fail(member: Member, kind: ServerFailure["kind"], reason: string): void {
    const readyForMs = member.state === "ready" ? this.#now() - member.sinceMs : 0;
    this.#noteFailure(member, this.#now(), readyForMs);
    member.wanted.abort();
    this.#move(member, "failing");
    this.#o.traffic.nudge(member.name.service);
    void this.#o.background.run(`Burying ${member.id}`, async () => {
      await this.#report(member, kind, reason, this.#now());
      await this.#o.background.persist(`Routing around ${member.id}`, () => this.#refresh(member));
      if (kind === "not-created") return this.#destroy(member);
      await this.#rest(member);
    });
    this.#changed(member);
  }

  /** A server that ended while no controller ran. One that ended with the machine is no failure of its release. */
  #buryLeftOver(member: Member, found: HostServer): void {
    const atMs = found.exit?.atMs ?? this.#now();
    this.#noteFailure(member, atMs, 0);
    this.#move(member, "failing");
    void this.#o.background.run(`Burying ${member.id}`, async () => {
      if (found.exit?.code !== undefined) {
        await this.#report(member, "exited", exitWords(found.exit, found.createdAtMs), atMs);
      }
      await this.#o.background.persist(`Routing around ${member.id}`, () => this.#refresh(member));
      await this.#rest(member);
      member.sinceMs = atMs;
    });
  }

  #noteFailure(member: Member, atMs: number, readyForMs: number): void {
    const { slots } = this.#o.memory.groupOf(member);
    const { slot, attempt } = member.name;
    slots.set(slot, withFailure(slots.get(slot), attempt, atMs, readyForMs));
  }

  async #report(member: Member, kind: ServerFailure["kind"], reason: string, atMs: number): Promise<void> {
    const logTail = await this.#logTail(member);
    const group = this.#o.memory.groupOf(member);
    const probes = member.health?.recent ?? [];
    const failure = { id: member.id, atMs, kind, reason, probes, logTail };
    group.failures = [...group.failures, failure].sort((a, b) => a.atMs - b.atMs).slice(-keptFailures);
    group.failed++;
    this.#o.background.log.warn({ server: member.id, kind }, `${member.id} ${reason}`);
    this.#changed(member);
  }

  /** What helps to understand a failure must not hold it up: none rather than late. */
  async #logTail(member: Member): Promise<readonly string[]> {
    const { host, background } = this.#o;
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, background.signal]);
    const lines: string[] = [];
    const read = async () => {
      for await (const { text } of host.logs.read(member.id, { tail: tailLines }, signal)) lines.push(text);
    };
    const late = background.clock.sleep(tailTimeoutMs, signal);
    await Promise.race([read(), late]).catch(() => {});
    late.catch(() => {});
    end.abort();
    return lines.slice(-tailLines);
  }

  /** Stops what still runs; its record and logs stay. */
  async #rest(member: Member): Promise<void> {
    await this.#stop(member);
    if (member.state !== "failing") return;
    this.#move(member, "failed");
    this.#changed(member);
  }

  async #leave(member: Member): Promise<void> {
    const { background } = this.#o;
    this.#changed(member);
    await member.creation;
    const refresh = () => this.#refresh(member);
    if (member.wasInTraffic && !member.drained) {
      await background.persist(`Draining ${member.id}`, refresh);
      await this.#drain(member);
    }
    member.drained = true;
    await background.persist(`Routing around ${member.id}`, refresh);
    if (member.address !== undefined) await this.#stop(member);
    await this.#destroy(member);
  }

  /** Waits until no request is open or the drain time is over; one that was on its way when first asked counts too. */
  async #drain(member: Member): Promise<void> {
    const { background } = this.#o;
    const drainMs = this.#o.memory.groupOf(member).wanted?.drainMs ?? 0;
    const endMs = this.#now() + drainMs;
    for (let idle = 0; idle < 2 && !member.drained && this.#now() < endMs; ) {
      idle = (await this.#openRequests(member)) === 0 ? idle + 1 : 0;
      if (idle < 2)
        await background.clock.sleep(Math.min(drainPollMs, endMs - this.#now()), background.signal);
    }
  }

  async #openRequests(member: Member): Promise<number> {
    try {
      return await this.#o.router.open(member.name.service, member.id, { signal: this.#o.background.signal });
    } catch {
      return 1; // not known: wait as long as the drain time allows
    }
  }

  #refresh(member: Member): Promise<void> {
    return this.#o.traffic.refresh(member.name.service);
  }

  async #stop(member: Member): Promise<void> {
    const { host, background } = this.#o;
    await background.persist(`Stopping ${member.id}`, async () => {
      if (this.#isForgotten(member)) return;
      await this.#stops(() => host.stop(member.id, stopGraceMs, background.call(stopTimeoutMs)));
    });
  }

  async #destroy(member: Member): Promise<void> {
    const { host, background } = this.#o;
    await background.persist(`Destroying ${member.id}`, () =>
      this.#stops(() => host.destroy(member.id, background.call(stopTimeoutMs))),
    );
    this.#forget(member);
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
    return this.#o.background.clock.now();
  }
}

/** Where in its interval an adopted server is first checked: spread, so that a new controller does not check all at once. */
function phaseMs(member: Member, intervalMs: number): number {
  let hash = 0;
  for (const letter of member.id) hash = (hash * 31 + letter.charCodeAt(0)) % 1009;
  return Math.floor((hash / 1009) * intervalMs);
}

function targetOf(member: Member): Parameters<Prober["probe"]>[0] {
  const { health, shape, traffic } = member.release;
  return {
    id: member.id,
    address: member.address,
    port: shape.port,
    host: traffic?.host,
    check: health.check,
    timeoutMs: health.timeoutMs,
  };
}
