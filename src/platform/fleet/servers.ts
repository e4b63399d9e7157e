import type { ImageDigest } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { mainHost } from "../../domain/traffic/listener.ts";
import { clauseOf, KilnError } from "../../lib/errors.ts";
import { type Limiter, limiter } from "../../lib/limiter.ts";
import type { Timetable } from "../../lib/time/timetable.ts";
import type { Upstream } from "../../router/router.ts";
import type { Background } from "./background.ts";
import { overdueWords } from "./health/failure.ts";
import { judge, newHealth, nextProbeMs, type ProbeResult } from "./health/health.ts";
import type { Prober } from "./health/prober.ts";
import { listensByIpv6, refusalReason } from "./health/refusal.ts";
import type { Host, HostServer } from "./host.ts";
import type { Group, Member, Memory } from "./memory.ts";
import { type ServerName, serverId } from "./server-id.ts";
import type { Terminations } from "./terminations.ts";
import type { Traffic } from "./traffic/traffic.ts";

const createTimeoutMs = 60_000;
const createTries = 3;
const createPauseMs = 1000;
/** A server that refuses connections for so long is looked at, and again after as long. */
const oddAfterMs = 2_000;

export interface ServersOptions {
  readonly host: Host;
  readonly prober: Prober;
  readonly memory: Memory;
  readonly traffic: Traffic;
  readonly background: Background;
  /** Ends with `background`. */
  readonly timetable: Timetable;
  readonly terminations: Terminations;
  readonly parallelism: number;
  readonly requireStartable: ((image: ImageDigest) => void) | undefined;
  /** A server of the group has changed: make the group whole again and inform all watchers. */
  readonly onChange: (group: Group) => void;
  /** A health check failed, or there is none: the server's process may have ended unseen. */
  readonly onDoubt: (member: Member) => void;
}

/** How servers come to life and stay healthy. Each step runs in the background and may be repeated after a crash. */
export class Servers {
  readonly #o: ServersOptions;
  readonly #creations: Limiter;

  constructor(options: ServersOptions) {
    this.#o = options;
    this.#creations = limiter(options.parallelism);
  }

  /** Starts a server in this slot, or completes the half-made one of that id. */
  create(group: Group, release: Release, slot: number, attempt: number): void {
    const name = { service: group.service, release: group.release, slot, attempt };
    const member = group.members.get(serverId(name)) ?? this.#add(name, release);
    this.#move(member, "creating");
    member.creation = this.#o.background.run(`Creating ${member.id}`, () => this.#create(member));
  }

  /**
   * Takes in a server that a former controller left, or one that its host has destroyed and lists all the same: its group
   * decides what becomes of it. `routed`: how the router has it, if it knows it.
   */
  adopt(
    listed: HostServer,
    name: ServerName,
    routed: Pick<Upstream, "address" | "weight"> | undefined,
  ): void {
    const isByIpv6 = listed.ipv6 !== undefined && listed.ipv6.address === routed?.address;
    const found = isByIpv6 ? { ...listed, ...listed.ipv6, ipv6: undefined } : listed;
    const weight = routed?.weight;
    const member = this.#add(name, found.release, found.createdAtMs);
    member.address = found.address;
    member.user = found.user;
    member.wasInTraffic = weight !== undefined;
    if (found.quarantinedAtMs !== undefined) this.#o.terminations.keepAway(member, found.quarantinedAtMs);
    else if (found.retiredAtMs !== undefined) this.#o.terminations.leave(member);
    else if (found.state === "creating") this.#move(member, "half-made");
    else if (found.state === "exited") this.#o.terminations.buryLeftOver(member, found);
    else this.#start(member, found, weight !== undefined && weight > 0 ? "ready" : "starting");
    this.#changed(member);
  }

  #add(name: ServerName, release: Release, createdAtMs = this.#o.background.clock.now()): Member {
    return this.#o.memory.add({
      id: serverId(name),
      name,
      release,
      createdAtMs,
      state: "creating",
      sinceMs: this.#now(),
      address: undefined,
      reachedFrom: undefined,
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
      const isPermanent = error instanceof KilnError && error.permanent;
      this.#o.terminations.fail(
        member,
        "not-created",
        `could not be started: ${clauseOf(error)}`,
        isPermanent,
      );
    }
  }

  /** Undefined when it is no longer wanted. A fault that may pass by itself is not held against the server. */
  async #tryToCreate(member: Member): Promise<HostServer | undefined> {
    const { host, background } = this.#o;
    const signal = AbortSignal.any([member.wanted.signal, background.signal]);
    const { restore } = this.#o.memory.groupOf(member).wanted ?? {};
    for (let tries = 1; !signal.aborted; tries++) {
      try {
        this.#o.requireStartable?.(member.release.image);
        return await host.create(
          { id: member.id, release: member.release, ...(restore && { restore }) },
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
    member.user = found.user;
    member.reachedFrom = found.reachedFrom;
    member.ipv6 = found.ipv6;
    member.createdAtMs = found.createdAtMs;
    if (found.state === "exited") {
      this.#o.terminations.ended(member, found.exit);
      return;
    }
    member.health = newHealth(phase, this.#now(), member.release.health.startPeriodMs);
    this.#move(member, phase);
    this.#changed(member);
    this.#checkFrom(member, phase === "ready" ? phaseMs(member, member.release.health.intervalMs) : 0);
  }

  /** Checks it over and over, the first time after `ms`, until it is no longer wanted. */
  #checkFrom(member: Member, ms: number): void {
    const { background, timetable } = this.#o;
    const signal = AbortSignal.any([member.wanted.signal, background.signal]);
    const what = `Checking ${member.id}`;
    const check = async () => {
      const nextMs = await this.#check(member, signal);
      if (nextMs !== undefined) timetable.at(nextMs, start);
    };
    const start = () => {
      if (!signal.aborted) void background.run(what, check);
    };
    if (ms > 0) timetable.at(this.#now() + ms, start);
    else start();
  }

  /** Resolves to the moment of the next check; undefined when none is wanted. */
  async #check(member: Member, signal: AbortSignal): Promise<number | undefined> {
    const spec = member.release.health;
    const startedMs = this.#now();
    const result = this.#closed(member) ?? (await this.#o.prober.probe(targetOf(member), signal));
    if (signal.aborted || member.health === undefined) return undefined;
    if (result.unreached) this.#o.host.suspect?.();
    if (!result.ok || spec.check.kind === "alive") this.#o.onDoubt(member);
    const health = judge(member.health, this.#explained(member, result), spec, this.#now());
    this.#takeHealth(member, health);
    return nextProbeMs(health, spec, startedMs);
  }

  /** UDP answers no one who only asks whether it is there: that its port is open must do. Undefined: it is, or that cannot be told. */
  #closed({ id, release }: Member): ProbeResult | undefined {
    const { health, shape, traffic } = release;
    if (traffic?.mode !== "udp" || health.check.kind !== "alive") return undefined;
    if (this.#o.host.listeners === undefined) return undefined;
    const open = this.#o.host.listeners(id, "udp") ?? [];
    if (open.some(({ port, reach }) => port === shape.port && reach !== "loopback")) return undefined;
    return { ok: false, words: `UDP port ${shape.port} is not open` };
  }

  /** A server that starts and refuses connections for a while: what it listens on shows why. */
  #explained(member: Member, result: ProbeResult): ProbeResult {
    const { health, explanation } = member;
    const port = member.release.shape.port;
    if (!result.refused || port === undefined || health?.phase !== "starting") return result;
    const now = this.#now();
    if (now - health.sinceMs < oddAfterMs) return result;
    if (explanation === undefined || now - explanation.atMs >= oddAfterMs) {
      const listeners = this.#o.host.listeners?.(member.id);
      if (member.ipv6 !== undefined && listensByIpv6(port, listeners ?? [])) {
        // The next check, and then the router, find it there.
        Object.assign(member, member.ipv6);
        member.ipv6 = undefined;
      }
      member.explanation = {
        atMs: now,
        words: listeners === undefined ? "" : refusalReason(port, listeners),
      };
    }
    const words = member.explanation?.words ?? "";
    return words === "" ? result : { ...result, words: `${result.words}: ${words}` };
  }

  #takeHealth(member: Member, health: NonNullable<Member["health"]>): void {
    member.health = health;
    if (health.phase === member.state) return;
    if (health.phase === "overdue") {
      this.#o.terminations.fail(
        member,
        "unready",
        overdueWords(member.release.health.deadlineMs, health.recent.at(-1)),
      );
      return;
    }
    this.#move(member, health.phase);
    this.#o.traffic.nudge(member.name.service);
    this.#changed(member);
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
    port: (health.check.kind === "alive" ? undefined : health.check.port) ?? shape.port,
    from: member.reachedFrom,
    host: traffic && mainHost(traffic),
    expectsProxy: traffic?.sendProxy,
    check: health.check,
    timeoutMs: health.timeoutMs,
  };
}
