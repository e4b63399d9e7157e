import { expect, test } from "vitest";
import { KilnError } from "../../lib/errors.ts";
import { readPolicy } from "./read-policy.ts";

const problemsOf = (text: string): readonly string[] => {
  try {
    readPolicy("policy.yaml", text);
    return [];
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
    return error.problems.map(({ place, message }) => `${place?.line}:${place?.column} ${message}`);
  }
};

test("every rule has the line that it is written in", () => {
  const rules = readPolicy(
    "policy.yaml",
    `policies:
  production:
    reason: required
    requires: {staging: 1h30m}
    windows:
      - allow: {days: mon-thu, from: "09:00", to: "16:00", zone: Europe/Berlin}
      - deny: {from: 2026-12-23 18:00, to: 2027-01-04 08:00, zone: Europe/Berlin}
  "*":
    windows:
      - deny: {days: "sat, sun", zone: UTC}
    approvals: {count: 2}
    changes: ci-only
`,
  );
  expect(rules).toEqual([
    {
      ...{ kind: "allow", environment: "production", line: 6 },
      window: { days: [1, 2, 3, 4], from: "09:00", to: "16:00", zone: "Europe/Berlin" },
    },
    {
      ...{ kind: "deny", environment: "production", line: 7 },
      window: { from: "2026-12-23 18:00", to: "2027-01-04 08:00", zone: "Europe/Berlin" },
    },
    { kind: "soak", environment: "production", line: 4, in: "staging", forMs: 5_400_000 },
    { kind: "reason", environment: "production", line: 3 },
    {
      ...{ kind: "deny", environment: "*", line: 10 },
      window: { days: [0, 6], from: "00:00", to: "24:00", zone: "UTC" },
    },
    { kind: "approvals", environment: "*", line: 11, count: 2, withinMs: 86_400_000 },
    { kind: "pipeline", environment: "*", line: 12 },
  ]);
  expect(readPolicy("policy.yaml", "policies: {}")).toEqual([]);
});

test("every mistake is found with its place", () => {
  expect(
    problemsOf(`policies:
  Production:
    reason: required
  production:
    reason: yes
    window: []
    windows:
      - allow: {days: mon-fry, from: "9:00", to: "25:00", zone: Europe/Berlim}
      - {}
      - allow: {days: mon}
`),
  ).toEqual([
    '2:3 `policies.Production` is not a valid name; expected the name of an environment, "none" for services without one, or "*" for all.',
    '5:5 `policies.production.reason` is the text "yes"; expected the word required.',
    "6:5 `window` is not a key of `policies.production`; expected one of from, windows, requires, approvals, changes, metadata, reason.",
    '8:17 `policies.production.windows[0].allow.days` is the text "mon-fry"; expected days such as mon-fri, or sat, sun.',
    '8:32 `policies.production.windows[0].allow.from` is the text "9:00"; expected a time such as "09:00", or a date with a time such as "2026-12-23 18:00".',
    '8:46 `policies.production.windows[0].allow.to` is the text "25:00"; expected a time such as "09:00", or a date with a time such as "2026-12-23 18:00".',
    '8:59 `policies.production.windows[0].allow.zone` is the text "Europe/Berlim"; expected a time zone such as UTC or Europe/Berlin.',
    "10:9 `policies.production.windows[2].allow.zone` is missing; expected a time zone such as UTC or Europe/Berlin.",
  ]);
  expect(
    problemsOf(`policies:
  production:
    windows:
      - {}
      - {allow: {zone: UTC}, deny: {zone: UTC}}
      - allow: {from: "09:00", to: "09:00", zone: UTC}
      - deny: {from: 2026-12-24 00:00, to: 2026-12-23 00:00, zone: UTC}
      - deny: {days: mon, from: 2026-12-24 00:00, to: 2026-12-25 00:00, zone: UTC}
      - deny: {from: 2026-12-24 00:00, to: "09:00", zone: UTC}
`).map((problem) => problem.split(" ")[0]),
  ).toEqual(["4:9", "5:9", "6:17", "7:40", "8:9", "9:9"]);
  const ofMonth = (from: string) =>
    problemsOf(`policies:
  production:
    windows:
      - deny: {from: ${from} 18:00, to: 2029-01-01 00:00, zone: UTC}
`);
  for (const none of ["2026-02-31", "2026-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00"]) {
    expect(ofMonth(none)).toEqual([expect.stringMatching(/^4:16 .* expected a time such as/)]);
  }
  for (const some of ["2028-02-29", "2026-01-31"]) expect(ofMonth(some)).toEqual([]);
  expect(problemsOf("")).toEqual(["1:1 The file is empty; expected a mapping with the key policies."]);
  expect(problemsOf("polices: {}")).toEqual([
    "1:1 `policies` is missing; expected a mapping from environments to their policies.",
    "1:1 `polices` is not a key of a policy file; expected one of policies.",
  ]);
});

test("who begins rollouts, and which services open a cloud's metadata", () => {
  const text = `policies:
  production:
    from:
      pipelines: [shop-ci]
      repositories: [git.example.com/acme/*]
    metadata: []
`;
  expect(readPolicy("policy.yaml", text)).toEqual([
    {
      ...{ kind: "from", environment: "production", line: 3 },
      ...{ people: [], pipelines: ["shop-ci"], repositories: ["git.example.com/acme/*"] },
    },
    { kind: "metadata", environment: "production", line: 6, services: [] },
  ]);
  const wrong = (written: string) => problemsOf(`policies:\n  production:\n    ${written}\n`);
  expect(wrong("from: {}")).toEqual([expect.stringContaining("at least one name under people, pipelines")]);
  expect(wrong("from: [shop-ci]")).toEqual([expect.stringMatching(/^3:\d+ .*a mapping with people/)]);
  expect(wrong("from: {identities: [ada]}")).toContainEqual(
    expect.stringContaining("expected one of people, pipelines, repositories"),
  );
  expect(wrong("from: {people: ['']}")).toEqual([expect.stringContaining("the name of a person")]);
  expect(wrong("metadata: true")).toEqual([expect.stringContaining("a list of services")]);
  expect(wrong("metadata: [Shop]")).toEqual([expect.stringContaining("the name of a service")]);
});
