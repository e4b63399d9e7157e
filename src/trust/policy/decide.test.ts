import { expect, test } from "vitest";
import type { Beginner } from "../../domain/access/actor.ts";
import type { Freeze, PolicyFile, PolicyRule } from "../../domain/policy/policy.ts";
import { decide, type Policies } from "./decide.ts";

const at = (iso: string) => Date.parse(iso);
/** A Sunday. */
const now = at("2026-11-29T23:00Z");
const office = { days: [1, 2, 3, 4], from: "09:00", to: "16:00", zone: "Europe/Berlin" };

const none: Policies = {
  ...{ file: undefined, freezes: [], approvals: () => [] },
  soak: () => ({ longestMs: 0, serves: false, spoiled: undefined }),
};
const aFile = (...rules: readonly PolicyRule[]): PolicyFile => ({
  ...{ name: "policy.yaml", text: "", setAtMs: 0, setBy: "ada", rules },
});
const aFreeze = (overrides: Partial<Freeze> = {}): Freeze => ({
  ...{ id: 3, environment: "production", service: undefined, reason: "incident 12", by: "ada" },
  ...{ fromMs: now - 3_600_000, untilMs: now + 3_600_000 },
  ...overrides,
});
const starting = (service = "shop.production", nowMs = now, reason?: string) => ({
  ...{ service, nowMs, reason, person: { id: "uid 1000", name: "ada" }, pipeline: false },
  beginner: { kind: "people", names: ["ada"] } as Beginner,
});

test("a freeze concerns its environment, its service or everything, until its end", () => {
  const refusesAt = (freeze: Freeze, service: string, nowMs = now) =>
    decide(starting(service, nowMs), { ...none, freezes: [freeze] }).some(({ passed }) => !passed);
  expect(refusesAt(aFreeze(), "shop.production")).toBe(true);
  expect(refusesAt(aFreeze(), "shop.staging")).toBe(false);
  expect(refusesAt(aFreeze(), "shop")).toBe(false);
  expect(refusesAt(aFreeze({ environment: "none" }), "shop")).toBe(true);
  expect(refusesAt(aFreeze({ environment: undefined }), "shop")).toBe(true);
  expect(refusesAt(aFreeze({ environment: undefined, service: "shop" }), "shop.production")).toBe(false);
  expect(refusesAt(aFreeze({ environment: undefined, service: "shop" }), "shop")).toBe(true);
  expect(refusesAt(aFreeze(), "shop.production", now + 3_599_999)).toBe(true);
  expect(refusesAt(aFreeze(), "shop.production", now + 3_600_000)).toBe(false);
  expect(refusesAt(aFreeze({ untilMs: undefined }), "shop.production", now + 1e12)).toBe(true);
});

test("a verdict says the rule, its place, and what would satisfy it", () => {
  const [verdict] = decide(starting(), { ...none, freezes: [aFreeze()] });
  expect(verdict).toEqual({
    ...{ kind: "freeze", mode: "enforce", passed: false, place: "freeze 3" },
    because: "ada has frozen production since 2026-11-29 22:00 UTC, until 2026-11-30 00:00 UTC: incident 12",
    remedy: "`kiln unfreeze 3` lifts it.",
  });
});

test("one window that allows is enough, each that denies counts, and the remedy is when both let it begin", () => {
  const file = aFile(
    { kind: "allow", environment: "production", line: 4, window: office },
    { kind: "allow", environment: "production", line: 5, window: { ...office, days: [6], to: "10:00" } },
    {
      ...{ kind: "deny", environment: "*", line: 9 },
      window: { from: "2026-11-30 00:00", to: "2026-11-30 12:00", zone: "Europe/Berlin" },
    },
  );
  const of = (service: string, iso: string) =>
    decide(starting(service, at(iso)), { ...none, file }).map(({ passed, place, because, remedy }) => ({
      ...{ passed, place, because, remedy },
    }));
  expect(of("shop.staging", "2026-11-29T20:00Z")).toEqual([]);
  expect(of("shop.production", "2026-11-29T20:00Z")).toEqual([
    {
      ...{ passed: false, place: "policy.yaml:4" },
      because:
        "no rollout begins outside mon, tue, wed, thu 09:00-16:00 Europe/Berlin or sat 09:00-10:00 Europe/Berlin",
      remedy: "Rollouts may begin from 2026-11-30 11:00 UTC.",
    },
  ]);
  expect(of("shop.production", "2026-11-30T09:00Z")).toMatchObject([
    { passed: true, place: "policy.yaml:4" },
    { passed: false, place: "policy.yaml:9", remedy: "Rollouts may begin from 2026-11-30 11:00 UTC." },
  ]);
  expect(of("shop.production", "2026-11-30T11:00Z")).toMatchObject([{ passed: true }]);
  expect(of("shop.production", "2026-12-05T08:30Z")).toMatchObject([
    { passed: true, place: "policy.yaml:5" },
  ]);
});

test("a reason is asked for where the policy says so", () => {
  const file = aFile({ kind: "reason", environment: "production", line: 2 });
  const of = (reason?: string) => decide(starting("shop.production", now, reason), { ...none, file });
  expect(of()).toMatchObject([{ kind: "reason", passed: false, remedy: "`--reason TEXT` gives one." }]);
  expect(of("a fix")).toMatchObject([{ passed: true }]);
  expect(decide(starting("shop"), { ...none, file })).toEqual([]);
});

test("an image must have served elsewhere as long as the policy says, and a refusal says from when it has", () => {
  const file = aFile({ kind: "soak", environment: "production", line: 7, in: "staging", forMs: 3_600_000 });
  const of = (soak: ReturnType<Policies["soak"]>, image: string | undefined = "sha256:1") =>
    decide(
      { ...starting(), image },
      { ...none, file, soak: (service) => (service === "shop.staging" ? soak : none.soak(service, "")) },
    );
  expect(of({ longestMs: 3_600_000, serves: false, spoiled: undefined })).toMatchObject([
    { kind: "soak", passed: true, place: "policy.yaml:7" },
  ]);
  expect(of({ longestMs: 2_400_000, serves: true, spoiled: undefined })).toMatchObject([
    {
      passed: false,
      because: "its image has served in staging for 40 min without rollback or drift; expected 60 min",
      remedy: "Without rollback or drift it may begin from 2026-11-29 23:20 UTC.",
    },
  ]);
  expect(of({ longestMs: 0, serves: false, spoiled: "rollout 7 rolled it back (event 9)" })).toMatchObject([
    {
      because: expect.stringContaining("rollout 7 rolled it back (event 9); expected 60 min"),
      remedy: "`kiln promote shop --to staging` brings it there.",
    },
  ]);
  expect(decide(starting(), { ...none, file })).toEqual([]); // before the build there is no image
});

test("so many other persons approve exactly this plan, each in time", () => {
  const rule = {
    kind: "approvals" as const,
    environment: "production",
    line: 3,
    count: 2,
    withinMs: 3_600_000,
  };
  const file = aFile(rule);
  const by = (name: string, id: string, ageMs = 0) => ({ by: name, person: { id, name }, atMs: now - ageMs });
  const passes = (...approvals: ReturnType<typeof by>[]) =>
    decide(
      { ...starting(), plan: "sha256:1" },
      { ...none, file, approvals: (plan) => (plan === "sha256:1" ? approvals : []) },
    ).every(({ passed }) => passed);
  const [ben, cleo] = [by("ben", "uid 1001"), by("cleo", "uid 1002")];
  expect(passes(ben, cleo)).toBe(true);
  expect(passes(ben)).toBe(false);
  expect(passes(ben, ben)).toBe(false); // the same person twice
  expect(passes(ben, by("root", "uid 1001"))).toBe(false); // by another name
  expect(passes(ben, by("ben", "uid 0"))).toBe(false); // by another way
  expect(passes(ben, by("ada", "uid 1000"))).toBe(false); // who begins it
  expect(passes(ben, by("root", "uid 1000"), by("ada", "token ada"))).toBe(false);
  expect(passes(ben, by("cleo", "uid 1002", 3_600_000))).toBe(false); // expired
  expect(passes(ben, by("cleo", "uid 1002", 3_599_999))).toBe(true);
  expect(
    decide(
      { ...starting(), plan: "sha256:2" },
      { ...none, file, approvals: (plan) => (plan === "sha256:1" ? [ben, cleo] : []) },
    ),
  ).toMatchObject([
    {
      ...{ kind: "approvals", passed: false, place: "policy.yaml:3" },
      because: "no one approved this plan; expected 2 persons other than ada",
      remedy: expect.stringContaining("kiln approve sha256:2"),
    },
  ]);
  expect(decide(starting(), { ...none, file })).toEqual([]); // there is no plan yet
});

test("where only pipelines change, a person is refused", () => {
  const file = aFile({ kind: "pipeline", environment: "production", line: 2 });
  expect(decide(starting(), { ...none, file })).toMatchObject([
    { passed: false, place: "policy.yaml:2", because: "only pipelines change production, and ada is none" },
  ]);
  expect(decide({ ...starting(), pipeline: true }, { ...none, file })).toMatchObject([{ passed: true }]);
});

test("who begins rollouts is one of those named, each by what the transport proves", () => {
  const names = { people: ["ada"], pipelines: ["shop-*"], repositories: ["git.example.com/acme/*"] };
  const file = aFile({ kind: "from", environment: "production", line: 3, ...names });
  const of = (kind: Beginner["kind"], ...called: string[]) =>
    decide({ ...starting(), beginner: { kind, names: called } }, { ...none, file });
  const passes = (kind: Beginner["kind"], ...called: string[]) => of(kind, ...called)[0]?.passed;
  expect(passes("people", "ada")).toBe(true);
  expect(passes("people", "ben")).toBe(false);
  expect(passes("people", "shop-ci")).toBe(false); // a person with a pipeline's name
  expect(passes("pipelines", "ada")).toBe(false);
  expect(passes("pipelines", "looking", "shop-ci")).toBe(true); // by one of its trust rules
  expect(passes("repositories", "git.example.com/acme/shop")).toBe(true);
  expect(passes("repositories", "git.example.com/acme-evil/shop")).toBe(false);
  expect(of("people", "ben")).toMatchObject([
    {
      ...{ kind: "from", place: "policy.yaml:3", remedy: "Let one of them run this command." },
      because:
        "rollouts of production are begun by people ada; pipelines shop-*; repositories git.example.com/acme/*, and ada is not among them",
    },
  ]);
  expect(decide(starting("shop.staging"), { ...none, file })).toEqual([]);
});

test("a cloud's metadata service is opened to the servers of services that the policy names", () => {
  const file = (...services: string[]) =>
    aFile({ kind: "metadata", environment: "production", line: 4, services });
  const of = (metadata: boolean | undefined, ...services: string[]) =>
    decide({ ...starting(), metadata }, { ...none, file: file(...services) });
  expect(of(undefined)).toEqual([]);
  expect(of(true, "sh*")).toMatchObject([{ kind: "metadata", passed: true, place: "policy.yaml:4" }]);
  expect(of(true, "backup")).toMatchObject([
    {
      ...{ passed: false, remedy: "Remove `network.metadata` from kiln.yaml." },
      because: "shop opens the cloud's metadata service to its servers, and only backup may",
    },
  ]);
  expect(of(true)).toMatchObject([{ because: expect.stringContaining("and no service may") }]);
});
