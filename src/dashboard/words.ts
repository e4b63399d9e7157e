import type { Answer } from "../api/contract/types.ts";

/** How the page says things. Pure: what it says follows from its arguments. */

type Action = Answer<"plan">["actions"][number];
export type Attention = Answer<"overview">["services"][number]["attention"];
export type ServerState = Answer<"status">["servers"][number]["state"];
export type Phase = Answer<"rollout">["phase"];

/** The few meanings that have a colour. Each has a shape and a word too. */
export type Tone = "good" | "moving" | "warn" | "bad" | "drift" | "quiet";

export const attentionWords: Readonly<Record<Attention, readonly [tone: Tone, word: string]>> = {
  broken: ["bad", "Broken"],
  failed: ["bad", "Rollout failed"],
  drifted: ["drift", "Drifted"],
  stuck: ["warn", "Held up"],
  waiting: ["warn", "Waits for you"],
  moving: ["moving", "Under way"],
  warned: ["warn", "Warning"],
  steady: ["good", "Serves"],
};

export const stateTones: Readonly<Record<ServerState, Tone>> = {
  creating: "quiet",
  starting: "moving",
  ready: "good",
  draining: "quiet",
  quarantined: "drift",
};

export const phaseWords: Readonly<Record<Phase, readonly [tone: Tone, word: string]>> = {
  forward: ["moving", "Under way"],
  back: ["warn", "Goes back"],
  paused: ["warn", "Paused"],
  complete: ["good", "Complete"],
  "rolled-back": ["bad", "Rolled back"],
  failed: ["bad", "Failed"],
  superseded: ["quiet", "Superseded"],
};

export function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** A reason as a sentence of its own. */
export function sentence(reason: string): string {
  return reason.slice(0, 1).toUpperCase() + reason.slice(1);
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** `3 d`, `2 h`, `40 s`, in the largest unit of which there is at least one. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const [unit, size] = units.find(([, of]) => ms >= of) ?? ["s", 1_000];
  return `${Math.floor(ms / size)} ${unit}`;
}

/** `just now`, `3 h ago`, `in 4 min`. */
export function ago(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs;
  if (Math.abs(ms) < 5_000) return "just now";
  return ms > 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`;
}

export function percent(share: number): string {
  const value = share * 100;
  return `${value > 0 && value < 1 ? value.toFixed(1) : Math.round(value)} %`;
}

/** `sha256:` and twelve digits. */
export function shortDigest(digest: string): string {
  return digest.replace(/^(sha256:)?([0-9a-f]{12}).*$/, "$2");
}

/** What an action does; undefined for what only records something. */
export function actionWords(action: Action): string | undefined {
  switch (action.kind) {
    case "resize":
      return action.size === 0
        ? `Destroy the servers of release ${action.release}`
        : `Bring release ${action.release} to ${plural(action.size, "server")}`;
    case "route":
      return `Send ${sharesWords(action.shares)}`;
    case "preview":
      return action.release === undefined ? "Close the preview" : `Preview release ${action.release}`;
    case "destroy":
      return `Destroy ${action.server}`;
    case "retire":
      return `Drain and replace ${action.server}`;
    case "quarantine":
      return `Put ${action.server} into quarantine`;
    case "run-job":
      return `Run the job ${action.job}`;
    case "begin-run":
      return `Begin run ${action.run}`;
    case "end-job":
      return `End the job ${action.job}`;
    case "analyse":
      return "Compare the new release with the old";
    case "forget-job":
      return undefined;
    case "record":
      return recordWords(action.change);
  }
}

function recordWords(change: Extract<Action, { readonly kind: "record" }>["change"]): string | undefined {
  if (change.kind === "end") return `End the rollout: ${change.phase}`;
  if (change.kind === "pause") return "Pause the rollout";
  return change.kind === "gone" ? "Forget the service" : undefined;
}

function sharesWords(shares: readonly { readonly release: number; readonly share: number }[]): string {
  if (shares.length === 0) return "traffic nowhere";
  const [first] = shares;
  if (shares.length === 1 && first?.share === 1) return `all traffic to release ${first.release}`;
  return shares.map(({ release, share }) => `${percent(share)} of traffic to release ${release}`).join(", ");
}

type Counted = Answer<"overview">["services"][number]["servers"][number]["state"];

/** How many servers are in which state. */
export type ServerNumbers = readonly { readonly state: Counted; readonly number: number }[];

export const serverOrder: readonly Counted[] = [
  ...(["ready", "starting", "creating", "draining", "quarantined", "warm"] as const),
];

/** As the overview has them: what is kept for a rollback has a state of its own. */
export function serverNumbers({ servers, warm }: Pick<Answer<"status">, "servers" | "warm">): ServerNumbers {
  const kept = new Set(warm.map(({ release }) => release));
  const states = servers.map(({ state, release }) =>
    state === "ready" && kept.has(release) ? "warm" : state,
  );
  return serverOrder
    .map((state) => ({ state, number: states.filter((other) => other === state).length }))
    .filter(({ number }) => number > 0);
}

/** `3 ready`, `2 of 3 ready, 1 starting`, `3 ready, 3 warm`. */
export function serversWords(servers: ServerNumbers, wanted: number): string {
  const ready = servers.find(({ state }) => state === "ready")?.number ?? 0;
  const others = serverOrder
    .filter((state) => state !== "ready")
    .flatMap((state) => servers.filter((some) => some.state === state));
  return [
    ready < wanted ? `${ready} of ${wanted} ready` : `${ready} ready`,
    ...others.map(({ state, number }) => `${number} ${state}`),
  ].join(", ");
}
