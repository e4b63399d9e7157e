import { setTimeout as delay } from "node:timers/promises";
import { compare, worstOf } from "../../domain/rollout/analysis.ts";
import type { DesiredService, Rollout, Verdict } from "../../domain/rollout/rollout.ts";
import type { AnalysisSpec } from "../../domain/spec/rollout-policy.ts";
import { type TrafficCounter, trafficBetween } from "../../domain/traffic/traffic.ts";
import { clauseOf } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Platform } from "../../platform/contract/platform.ts";

/** A question to another program gets this long; no answer by then is inconclusive. */
const questionTimeoutMs = 5_000;

type Finding = Omit<Verdict, "atMs">;

export interface Analyst {
  /** The verdict on the present step now. Never throws: a question without an answer is inconclusive. */
  judge(desired: DesiredService, rollout: Rollout, analysis: AnalysisSpec, call: Call): Promise<Verdict>;
}

export interface AnalystOptions {
  readonly platform: Platform;
  readonly clock: Clock;
  /** For queries and checks; `fetch` in production. */
  readonly ask?: typeof fetch;
}

/**
 * Counts of the router are compared from the first time that a step is looked at. A person who resumes the rollout begins the
 * comparison again, and so does a controller that has started in between: it asks for a sample of its own.
 */
export function createAnalyst({ platform, clock, ask = fetch }: AnalystOptions): Analyst {
  const baselines = new Map<string, readonly TrafficCounter[]>();

  async function compareTraffic(
    { service }: DesiredService,
    rollout: Rollout,
    spec: AnalysisSpec,
    call: Call,
  ) {
    const now = (await platform.traffic?.read(service, call)) ?? [];
    const key = `${rollout.id}/${rollout.step}/${rollout.judgedFromMs}`;
    const before = baselines.get(key);
    if (before === undefined) {
      baselines.clear();
      baselines.set(key, now);
    }
    const since = trafficBetween(before ?? now, now);
    const of = (release: number | undefined) => since.find((traffic) => traffic.release === release);
    return compare(spec, of(rollout.from), of(rollout.to));
  }

  return {
    judge: async (desired, rollout, spec, call) => {
      const questions: Promise<Finding>[] = [
        ...(spec.query === undefined ? [] : [query(ask, spec.query)]),
        ...(spec.http === undefined ? [] : [check(ask, spec.http)]),
      ];
      const isCounted = questions.length === 0 || hasCounts(desired, rollout);
      const asked = isCounted ? [compareTraffic(desired, rollout, spec, call), ...questions] : questions;
      const findings = await Promise.all(asked.map((finding) => finding.catch(unanswered)));
      return { ...worstOf(findings), atMs: clock.now() };
    },
  };
}

/** The router counts requests of HTTP: of plain TCP and UDP only the questions to others say anything. */
function hasCounts({ releases }: DesiredService, { to }: Rollout): boolean {
  const mode = releases.get(to)?.traffic?.mode;
  return mode !== "tcp" && mode !== "udp";
}

function unanswered(error: unknown): Finding {
  return { outcome: "inconclusive", reason: `the analysis got no answer: ${clauseOf(error)}` };
}

/** An instant query of the Prometheus HTTP API (`/api/v1/query`): exactly one value, within the bounds. */
async function query(
  ask: typeof fetch,
  { url, query, min, max }: NonNullable<AnalysisSpec["query"]>,
): Promise<Finding> {
  const address = new URL("api/v1/query", url.endsWith("/") ? url : `${url}/`);
  address.searchParams.set("query", query);
  const answer = await inTime(ask, address);
  const value = answer.ok ? singleValue(await jsonOf(answer)) : undefined;
  if (value === undefined) {
    return {
      outcome: "inconclusive",
      reason: `the query at ${url} did not give one value (status ${answer.status})`,
    };
  }
  const within = value >= (min ?? Number.NEGATIVE_INFINITY) && value <= (max ?? Number.POSITIVE_INFINITY);
  const bounds = [
    min === undefined ? [] : `at least ${min}`,
    max === undefined ? [] : `at most ${max}`,
  ].flat();
  return {
    outcome: within ? "pass" : "fail",
    reason: `the query gave ${value} (${bounds.join(" and ")} is expected)`,
  };
}

/** One value takes some hundred bytes. */
const longestAnswer = 1 << 20;

/** An answer must not fill the controller's memory. */
async function jsonOf({ body }: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > longestAnswer) throw new Error(`an answer of more than ${longestAnswer} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}

function singleValue(body: unknown): number | undefined {
  const result = (body as { data?: { result?: unknown } } | null)?.data?.result;
  const single =
    Array.isArray(result) && result.length === 1 ? (result[0] as { value?: unknown }).value : undefined;
  const value = Array.isArray(single) ? Number(single[1]) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

async function check(ask: typeof fetch, url: string): Promise<Finding> {
  const { ok, status, body } = await inTime(ask, new URL(url));
  await body?.cancel();
  return { outcome: ok ? "pass" : "fail", reason: `${url} answered ${status}` };
}

/** The limit is kept here as well: a peer that accepts and then says nothing must not hold up the rollout. */
async function inTime(ask: typeof fetch, url: URL): Promise<Response> {
  const signal = AbortSignal.timeout(questionTimeoutMs);
  return Promise.race([
    ask(url, { signal, redirect: "follow" }),
    delay(questionTimeoutMs + 1000, undefined, { ref: false }).then(() => {
      throw new Error(`no answer within ${questionTimeoutMs / 1000} s`);
    }),
  ]);
}
