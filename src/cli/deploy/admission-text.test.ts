import { expect, test } from "vitest";
import type { Admission } from "../../domain/policy/admission.ts";
import { createStyle } from "../output/style.ts";
import { admissionLines, admissionWarnings } from "./admission-text.ts";

const admission: Admission = {
  atMs: 1,
  rules: [
    {
      ...{ target: undefined, mode: "enforce", signedBy: ["release"] },
      ...{ kind: "signature", passed: true, because: "signed by release (0123456789abcdef)" },
    },
    {
      ...{ target: "north", mode: "warn", signedBy: ["ci"] },
      ...{ kind: "signature", passed: false, because: "no valid signature by ci" },
    },
  ],
};

test("a plan has a line for each image policy, and a deploy warns of those that are not met", () => {
  const style = createStyle(false);
  expect(admissionLines(admission, style)).toEqual([
    "signed by release (0123456789abcdef)",
    "warning: no valid signature by ci, as north asks",
  ]);
  expect(admissionWarnings(admission, style)).toEqual(["warning: no valid signature by ci, as north asks"]);
  expect(admissionLines(undefined, style)).toEqual([]);
});
