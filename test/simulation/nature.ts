import { KilnError } from "../../src/lib/errors.ts";
import type { FakeBehaviour } from "../../src/platform/fake/world.ts";
import type { Random } from "./random.ts";

/** What a release is like; its servers are like it, with exceptions. */
export type Quality =
  | "good"
  | "slow"
  /** Never answers. */
  | "mute"
  | "exits"
  | "error"
  /** Cannot be started. */
  | "unstartable"
  /** Healthy and unhealthy in turn. */
  | "flapping"
  /** Ready, and then broken for good. */
  | "liar"
  /** Ready, and then its process ends. */
  | "mortal";

/** How often the releases that are deployed are like what. */
export type QualityMix = Readonly<Record<Quality, number>>;

export const qualities = {
  good: 60,
  slow: 8,
  mute: 4,
  exits: 5,
  error: 4,
  unstartable: 3,
  flapping: 12,
  liar: 5,
  mortal: 4,
} as const satisfies QualityMix;

/** How single servers are that are worse than their release. */
export const oddities = {
  slow: 2,
  mute: 1,
  exits: 2,
  unstartable: 1,
  flapping: 2,
  liar: 2,
  mortal: 3,
} as const;

/** Releases whose servers never come to rest: they are replaced for ever, and that is right. */
export const restless: ReadonlySet<Quality> = new Set([...Object.keys(oddities), "error"] as Quality[]);

export function isQuality(word: string | undefined): word is Quality {
  return word !== undefined && word in qualities;
}

/** How one server lives. */
export interface Nature extends FakeBehaviour {
  readonly quality: Quality;
  readonly readyMs: number;
  /** From its first good answer until it answers 500 for good. */
  readonly breaksAfterMs: number;
  /** Good for `upMs`, bad for `downMs`, and so on; `atMs` of that have passed when it begins. */
  readonly flap: { readonly upMs: number; readonly downMs: number; readonly atMs: number } | undefined;
}

/** Whether a server of this nature answers with an error, so long after its first good answer. */
export function isBad({ flap, breaksAfterMs }: Nature, upMs: number): boolean {
  if (upMs >= breaksAfterMs) return true;
  return flap !== undefined && (upMs + flap.atMs) % (flap.upMs + flap.downMs) >= flap.upMs;
}

/** What a job is like; the first word of its command says it. */
export const jobQualities = { fine: 10, long: 4, fails: 2, hangs: 2, unstartable: 1 } as const;

type JobQuality = keyof typeof jobQualities;

export function isJobQuality(word: string | undefined): word is JobQuality {
  return word !== undefined && word in jobQualities;
}

export function jobNatureOf(quality: JobQuality, random: Random): Nature {
  const base = { ...natureOf("good", random), exitAfterMs: random.int(5, 3_000), exitCode: 0 };
  switch (quality) {
    case "fine":
      return base;
    case "long":
      return { ...base, exitAfterMs: random.int(3_000, 40_000) };
    case "fails":
      return { ...base, exitCode: random.int(1, 3) };
    case "hangs":
      return { ...base, exitAfterMs: Number.POSITIVE_INFINITY };
    case "unstartable":
      return { ...base, createError: unstartable(random.chance(0.5)) };
  }
}

export function natureOf(quality: Quality, random: Random): Nature {
  const base: Nature = {
    quality,
    startMs: random.int(5, 800),
    readyMs: random.int(0, 1500),
    stopMs: random.int(0, 900),
    answerMs: random.chance(0.2) ? random.int(1, 400) : 0,
    breaksAfterMs: Number.POSITIVE_INFINITY,
    flap: undefined,
    lines: ["hello"],
  };
  switch (quality) {
    case "good":
      return base;
    case "slow":
      return { ...base, readyMs: random.int(3_000, 25_000) };
    case "mute":
      return { ...base, readyMs: Number.POSITIVE_INFINITY };
    case "exits":
      return { ...base, exitAfterMs: random.int(5, 2_000), exitCode: random.int(0, 3) };
    case "error":
      return { ...base, breaksAfterMs: 0 };
    case "unstartable":
      return { ...base, createError: unstartable(random.chance(0.5)) };
    case "flapping":
      return { ...base, flap: aFlap(random) };
    case "liar":
      return { ...base, breaksAfterMs: random.int(1_000, 40_000) };
    case "mortal":
      return { ...base, exitAfterMs: random.int(3_000, 60_000), oomKilled: random.chance(0.3) };
  }
}

/** Often down for long enough to be noticed, and not for as long as a deadline. */
function aFlap(random: Random): NonNullable<Nature["flap"]> {
  const upMs = random.int(2_000, 8_000);
  const downMs = random.int(5_000, 25_000);
  return { upMs, downMs, atMs: random.int(0, upMs + downMs) };
}

function unstartable(retry: boolean): KilnError {
  return new KilnError("server_failed", "injected: its command is not there.", { retry, permanent: !retry });
}
