import { expect, test } from "vitest";
import type { ServiceFigures } from "../../api.ts";
import { cli } from "../../test-kit.ts";

type Figure = ServiceFigures["figures"][number];

const figure = (overrides: Partial<Figure>): Figure => ({
  ...{ name: "lead-time", title: "Change lead time", unit: "ms", of: "commits", n: 41, value: 12_000_000 },
  ...{ more: { "90 %": 176_400_000 }, notes: ["1 of 12 deployments have unknown commits"], guessed: false },
  ...{ definition: "From a commit to its end.", events: [7, 9], ...overrides },
});

const figures: Figure[] = [
  figure({}),
  figure({
    title: "Rework",
    unit: "share",
    value: 0.126,
    more: {},
    notes: [],
    guessed: true,
    n: 8,
    of: "deployments",
    events: [],
  }),
  figure({ title: "Recovery", value: undefined, more: {}, notes: [], n: 2, of: "recoveries", events: [] }),
  figure({ title: "Uptime", unit: "share", value: 0.999_871, more: {}, notes: [], n: 9, of: "requests" }),
  figure({
    title: "Frequency",
    unit: "per week",
    value: 2.333_3,
    more: { "median of days": 2 },
    notes: [],
    n: 9,
    of: "deployments",
  }),
  figure({ title: "Image", value: undefined, more: {}, notes: [], n: 0, of: "images" }),
];

async function shown(
  ...argv: string[]
): Promise<{ readonly lines: readonly string[]; readonly asked: unknown }> {
  let asked: unknown;
  const client = {
    figures: async (given: unknown) => {
      asked = given;
      return [
        {
          service: "shop",
          sinceMs: Date.parse("2026-05-01T12:00"),
          untilMs: Date.parse("2026-07-30T12:00"),
          figures,
        },
      ];
    },
  };
  const { code, stdout } = await cli(["figures", ...argv], { client });
  expect(code).toBe(0);
  return { lines: stdout.trimEnd().split("\n"), asked };
}

test("each figure with its value and what it comes from; a guess and too little data are named", async () => {
  expect((await shown("shop")).lines).toEqual([
    "shop  2026-05-01 to 2026-07-30",
    "FIGURE            VALUE            FROM",
    "Change lead time  3 h 20 min       41 commits; 90 %: 2 d 1 h; 1 of 12 deployments have unknown commits",
    "Rework            12.6 % (guess)   8 deployments",
    "Recovery          not enough data  2 recoveries",
    "Uptime            99.987 %         9 requests",
    "Frequency         2.33 a week      9 deployments; median of days: 2",
    "Image             -                0 images",
  ]);
});

test("--explain adds the definitions and the events, --since asks for another period", async () => {
  const { lines, asked } = await shown("shop", "--explain", "--since", "2026-05-01T00:00Z");
  expect(lines.slice(2, 5)).toEqual([
    expect.stringMatching(/^Change lead time/),
    "  From a commit to its end.",
    "  events 7, 9",
  ]);
  expect(asked).toEqual({ service: "shop", sinceMs: Date.parse("2026-05-01T00:00Z") });
});
