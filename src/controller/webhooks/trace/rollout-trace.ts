import type { KilnEvent } from "../../../domain/event.ts";
import type { TraceContext } from "../../../domain/rollout/rollout.ts";

type Value = string | number | boolean;
export type Attributes = Readonly<Record<string, Value>>;

/** Something that took time, as the event log has it. */
export interface Span {
  /** The entry of the log with which it began: its identity within the trace. */
  readonly sequence: number;
  readonly name: string;
  /** Undefined: the rollout itself. */
  readonly parent: "rollout" | { readonly step: number } | undefined;
  /** Of the rollout: the span of another trace that it is part of. Absent: none is known. */
  readonly within?: TraceContext["parent"];
  /** The build before it, which the log's first entry tells of. */
  readonly isBuild?: boolean;
  readonly fromMs: number;
  readonly toMs: number;
  readonly attributes: Attributes;
  readonly events: readonly {
    readonly name: string;
    readonly atMs: number;
    readonly attributes: Attributes;
  }[];
  /** Why it failed. Absent: it did not. */
  readonly failed?: string | undefined;
}

/** Names of the semantic conventions for CI/CD, deployments and version control, which are not stable yet: they are nowhere else. */
const conventional = {
  action: "cicd.pipeline.action.name",
  pipeline: "cicd.pipeline.name",
  run: "cicd.pipeline.run.id",
  runUrl: "cicd.pipeline.run.url.full",
  result: "cicd.pipeline.result",
  task: "cicd.pipeline.task.name",
  taskType: "cicd.pipeline.task.type",
  taskResult: "cicd.pipeline.task.run.result",
  environment: "deployment.environment.name",
  deployment: "deployment.id",
  status: "deployment.status",
  commit: "vcs.ref.head.revision",
  ref: "vcs.ref.head.name",
  repository: "vcs.repository.url.full",
} as const;

/** Events that end a rollout, and how. */
const ends: Readonly<Record<string, "success" | "failure" | "cancellation">> = {
  "rollout.completed": "success",
  "rollout.rolled-back": "failure",
  "rollout.failed": "failure",
  "rollout.superseded": "cancellation",
};

/** Events that end what an event of another kind began, where they say so by the same value of a field. */
const pairs: readonly {
  readonly began: string;
  readonly ended: readonly string[];
  readonly name: (event: KilnEvent) => string;
  readonly same: (began: KilnEvent, ended: KilnEvent) => boolean;
}[] = [
  {
    began: "action.intended",
    ended: ["action.done", "action.failed"],
    name: ({ message }) => message.replace(/: .*/, ""),
    same: (began, { data }) => data.intent === began.sequence,
  },
  {
    began: "server.started",
    ended: ["server.ready", "server.failed", "server.destroyed"],
    name: ({ data }) => `start of ${data.server}`,
    same: (began, { data }) => data.server === began.data.server,
  },
  {
    began: "job.started",
    ended: ["job.succeeded", "job.failed", "job.stopped"],
    name: ({ data }) => `job ${data.job}`,
    same: (began, { data }) => data.job === began.data.job && data.rollout === began.data.rollout,
  },
  {
    began: "rollout.paused",
    ended: ["rollout.resumed", "rollout.turned-back", ...Object.keys(ends)],
    name: () => "paused",
    same: () => true,
  },
  {
    began: "rollout.turned-back",
    ended: Object.keys(ends),
    name: () => "back to the release before",
    same: () => true,
  },
];

const failures = new Set(["action.failed", "server.failed", "job.failed"]);

/**
 * A rollout as spans, the rollout first. `events`: all of its service from the one that began it to the one that ended it. What has no end
 * among them ends with the rollout. Pure, so the same log makes the same spans.
 */
export function spansOf(events: readonly KilnEvent[]): readonly Span[] {
  const [first] = events;
  const last = events.at(-1);
  if (first === undefined || last === undefined) return [];
  const paired = pairs.flatMap(({ began, ended, name, same }) =>
    events
      .filter(({ kind }) => kind === began)
      .map((event) => {
        const end = events.find(
          (later) => later.sequence > event.sequence && ended.includes(later.kind) && same(event, later),
        );
        return spanBetween(event, end ?? last, name(event));
      }),
  );
  const { parent, build } = (first.data.trace ?? {}) as TraceContext;
  const before = build === undefined ? [] : [buildSpan(first, build)];
  const rollout = rolloutSpan(first, last, events);
  const fromMs = before[0]?.fromMs ?? rollout.fromMs;
  return [{ ...rollout, fromMs, within: parent }, ...before, ...stepSpans(events, last), ...paired];
}

function buildSpan(first: KilnEvent, { ms, agoMs }: NonNullable<TraceContext["build"]>): Span {
  const name = "build";
  const toMs = first.atMs - agoMs;
  return {
    ...{ sequence: first.sequence, name, parent: "rollout", isBuild: true, events: [] },
    ...{ fromMs: toMs - ms, toMs },
    attributes: {
      [conventional.task]: name,
      [conventional.taskType]: "build",
      [conventional.taskResult]: "success",
    },
  };
}

function rolloutSpan(first: KilnEvent, last: KilnEvent, events: readonly KilnEvent[]): Span {
  const { service = "", data } = first;
  const [name, environment] = splitKey(service);
  const origin = (data.origin ?? {}) as Readonly<Record<string, unknown>>;
  const result = ends[last.kind] ?? "error";
  const told = events.filter(({ kind }) => /^(rollout\.|server\.(failed|tainted)|drift\.)/.test(kind));
  return {
    ...{ sequence: first.sequence, name: `RUN ${service}`, parent: undefined },
    ...{ fromMs: first.atMs, toMs: Math.max(first.atMs, last.atMs) },
    attributes: known({
      [conventional.action]: "RUN",
      [conventional.pipeline]: service,
      [conventional.run]: String(data.rollout),
      [conventional.runUrl]: origin.ci,
      [conventional.result]: result,
      [conventional.environment]: environment,
      [conventional.deployment]: String(data.rollout),
      [conventional.status]: result === "success" ? "succeeded" : "failed",
      [conventional.commit]: origin.commit,
      [conventional.ref]: origin.ref,
      [conventional.repository]: origin.repository,
      "kiln.service": name,
      "kiln.journey": data.journey,
      "kiln.target": data.target,
      "kiln.strategy": data.strategy,
      "kiln.release.from": data.from,
      "kiln.release.to": data.to,
    }),
    events: told.slice(1).map(eventOf),
    failed: result === "failure" ? last.message : undefined,
  };
}

/** Each step, and below it how long it held what it had reached. */
function stepSpans(events: readonly KilnEvent[], last: KilnEvent): readonly Span[] {
  const begins = events.filter(({ kind }) => kind === "rollout.started" || kind === "rollout.step");
  const turned = events.find(({ kind }) => kind === "rollout.turned-back");
  return begins.flatMap((began, i) => {
    const end = [begins[i + 1], turned, last].find((event) => event && event.sequence > began.sequence);
    if (end === undefined) return [];
    const moved = events.find(
      ({ kind, sequence }) =>
        kind === "rollout.moved" && sequence > began.sequence && sequence < end.sequence,
    );
    const name = `step ${i + 1}`;
    const step = { ...spanBetween(began, end, name), failed: end === turned ? end.message : undefined };
    if (moved === undefined) return [step];
    return [step, { ...spanBetween(moved, end, `hold of ${name}`), parent: { step: began.sequence } }];
  });
}

function spanBetween(began: KilnEvent, ended: KilnEvent, name: string): Span {
  const failed = failures.has(ended.kind) ? ended.message : undefined;
  return {
    ...{ sequence: began.sequence, name, parent: "rollout", failed, events: [] },
    // The log stays as it was recorded: across a step of the clock its times may go back.
    ...{ fromMs: began.atMs, toMs: Math.max(began.atMs, ended.atMs) },
    attributes: known({
      [conventional.task]: name,
      [conventional.taskType]: "deploy",
      [conventional.taskResult]: failed === undefined ? "success" : "failure",
      "kiln.release": began.data.release,
      "kiln.server": began.data.server,
      "kiln.reason": began.data.reason,
    }),
  };
}

function eventOf(event: KilnEvent): Span["events"][number] {
  const { kind: name, atMs, message, sequence } = event;
  return { name, atMs, attributes: { message, "kiln.sequence": sequence } };
}

function splitKey(service: string): readonly [string, string | undefined] {
  const dot = service.indexOf(".");
  return dot === -1 ? [service, undefined] : [service.slice(0, dot), service.slice(dot + 1)];
}

/** Without what is not known. */
function known(values: Readonly<Record<string, unknown>>): Attributes {
  return Object.fromEntries(
    Object.entries(values).filter((pair): pair is [string, Value] =>
      ["string", "number", "boolean"].includes(typeof pair[1]),
    ),
  );
}
