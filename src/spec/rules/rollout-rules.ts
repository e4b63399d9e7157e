import type { Breach, RuleInput, SpecRule } from "./rule.ts";

/** Rules of `rollout`, and of the order in which services are deployed. */
export const rolloutRules: readonly SpecRule[] = [
  rolloutNumbers,
  canarySteps,
  analysisWithoutCounts,
  holdsFitDeadline,
  afterOthers,
];

function* rolloutNumbers({ document: { rollout }, given }: RuleInput): Generator<Breach> {
  if (!rollout) return;
  if (rollout.strategy !== "rolling") {
    for (const key of ["surge", "unavailable"]) {
      if (!given(["rollout", key])) continue;
      yield {
        path: ["rollout", key],
        message: `\`rollout.${key}\` belongs to \`strategy: rolling\`; found \`strategy: ${rollout.strategy}\`, which replaces all servers at once.`,
        hint: `Remove \`${key}\`. An environment removes a key with \`null\`.`,
      };
    }
  } else if (rollout.surge === 0 && (rollout.unavailable ?? 0) === 0) {
    yield {
      path: ["rollout", "surge"],
      message:
        "`rollout.surge` and `rollout.unavailable` are both 0; expected at least one above 0: otherwise no server could ever be replaced.",
      hint: "Write `surge: 1` to add before removing, or `unavailable: 1` to remove before adding.",
    };
  }
}

function* canarySteps({ document: { rollout }, given }: RuleInput): Generator<Breach> {
  if (!rollout) return;
  const isCanary = rollout.strategy === "canary";
  if (!isCanary && given(["rollout", "steps"])) {
    yield {
      path: ["rollout", "steps"],
      message: `\`rollout.steps\` belongs to \`strategy: canary\`; found \`strategy: ${rollout.strategy}\`.`,
      hint: "Write `strategy: canary`, or remove `steps`.",
    };
  }
  if (isCanary && (rollout.steps ?? []).length === 0) {
    yield {
      path: ["rollout", "strategy"],
      message: "`strategy: canary` needs `steps`.",
      hint: "Write for example `steps: [{ share: 5%, hold: 2m }, { share: 50%, hold: 5m }]`.",
    };
  }
  for (const [i, step] of (rollout.steps ?? []).entries()) {
    const before = rollout.steps?.[i - 1]?.share ?? 0;
    if (step.share <= before) {
      yield {
        path: ["rollout", "steps", i, "share"],
        message: `The share of step ${i + 1} is not higher than the share before; expected rising shares.`,
        hint: "Order the steps by their shares.",
      };
    }
    if (step.analysis !== undefined && step.hold === 0) {
      yield {
        path: ["rollout", "steps", i, "analysis"],
        message: `Step ${i + 1} has an analysis but no time for it; expected a \`hold\` above 0s.`,
        hint: "Write for example `hold: 2m`.",
      };
    }
  }
  if (rollout.promote === "manual" && rollout.strategy === "recreate") {
    yield {
      path: ["rollout", "promote"],
      message:
        "`promote: manual` does not work with `strategy: recreate`: no server would serve while the rollout waits.",
      hint: "Use `strategy: blue-green`.",
    };
  }
}

const ofCounts = ["requests", "errorRate", "latency"] as const;

/** The router counts requests of HTTP only. */
function* analysisWithoutCounts({ document: { rollout, traffic }, given }: RuleInput): Generator<Breach> {
  if (traffic === undefined || traffic.mode === "http") return;
  const words = traffic.mode === "tcp" ? "plain TCP" : "UDP";
  for (const [i, { analysis }] of (rollout?.steps ?? []).entries()) {
    if (analysis === undefined) continue;
    const path = ["rollout", "steps", i, "analysis"];
    if (analysis.query === undefined && analysis.http === undefined) {
      yield {
        path,
        message: `The analysis of step ${i + 1} needs \`query\` or \`http\`: ${words} has no requests that the router could count.`,
        hint: "Write for example `analysis: { http: http://localhost:9000/healthz }`, or remove `analysis`: then the step only holds.",
      };
    }
    for (const key of ofCounts) {
      if (!given([...path, key])) continue;
      yield {
        path: [...path, key],
        message: `\`analysis.${key}\` needs \`traffic.mode: http\`: ${words} has no requests that the router could count.`,
        hint: `Remove \`${key}\`, and use \`query\` or \`http\`.`,
      };
    }
  }
}

function* holdsFitDeadline({ document: { rollout } }: RuleInput): Generator<Breach> {
  for (const [i, { hold }] of (rollout?.steps ?? []).entries()) {
    if (rollout === undefined || hold <= rollout.progressDeadline) continue;
    yield {
      path: ["rollout", "steps", i, "hold"],
      message: `Step ${i + 1} holds for longer than \`rollout.progressDeadline\` (${seconds(hold)} and ${seconds(rollout.progressDeadline)}); expected at most as long.`,
      hint: "Make the hold shorter, split it into several steps, or write a longer `progressDeadline`.",
    };
  }
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

function* afterOthers({ document: { service, after } }: RuleInput): Generator<Breach> {
  for (const [index, name] of (after ?? []).entries()) {
    const message =
      name === service
        ? `\`after\` names the service itself; expected other services.`
        : `${name} appears twice in \`after\`; expected each service once.`;
    if (name === service || after?.indexOf(name) !== index) yield { path: ["after", index], message };
  }
}
