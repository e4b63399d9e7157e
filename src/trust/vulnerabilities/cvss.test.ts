import { expect, test } from "vitest";
import { baseScore, severityOfVector } from "./cvss.ts";

// Vectors and scores of the examples of FIRST's CVSS 3.1.
test.each([
  ["CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1],
  ["CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4],
  ["CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1],
  ["CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8],
  ["CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5],
  ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8],
  ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10],
  ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0],
])("%s has the base score %d", (vector, score) => {
  expect(baseScore(vector)).toBe(score);
});

test.each([
  "",
  "CVSS:4.0/AV:N",
  "CVSS:3.1/AV:N",
  "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
  "AV:N/AC:L/Au:N/C:P/I:P/A:P",
])("%j has no rating", (vector) => expect(severityOfVector(vector)).toBe("unknown"));
