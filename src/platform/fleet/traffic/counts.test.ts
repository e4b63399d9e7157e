import { expect, test } from "vitest";
import { countersOf } from "./counts.ts";

test("a server's id tells whose requests it counted", () => {
  const counts = { requests: 10, errors: 1, latency: [4, 6] };
  expect(countersOf([{ id: "shop.staging-2-1-1", ...counts }])).toEqual([
    { id: "shop.staging-2-1-1", service: "shop.staging", release: 2, ...counts },
  ]);
});
