import { expect, test } from "vitest";
import { cli } from "../../test-kit.ts";

test.each([
  [["exec", "shop-2-1-1", "--", "sh"], /needs a reason/],
  [["exec", "shop-2-1-1", "--reason", "  ", "--", "sh"], /needs a reason/],
  [["exec", "shop-2-1-1", "--reason", "why"], /command/],
  [["exec"], /server/],
])("%j is wrong usage, and no question is asked", async (argv, words) => {
  const { code, stderr } = await cli(argv);
  expect(code).toBe(2);
  expect(stderr.toLowerCase()).toMatch(words);
});
