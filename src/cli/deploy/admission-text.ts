import type { Admission, AdmissionRule } from "../../domain/policy/admission.ts";
import type { Style } from "../output/style.ts";
import { plainText } from "../output/text.ts";

/** One line for each policy: what it says of the image, or of the rollout. */
export function admissionLines(admission: Admission | undefined, style: Style): string[] {
  return (admission?.rules ?? []).map((rule) => {
    const words = plainText(`${rule.because}${placeText(rule)}`);
    if (rule.passed) return style.good(words);
    return rule.mode === "warn"
      ? style.warn(`warning: ${words}`)
      : refusalText(rule, words, admission, style);
  });
}

function placeText({ target, place }: AdmissionRule): string {
  return [
    ...(target === undefined ? [] : [`, as ${target} asks`]),
    ...(place === undefined ? [] : [` (${place})`]),
  ].join("");
}

/** In a plan it is still to come; of a rollout that began, someone has overridden it. */
function refusalText(
  { remedy }: AdmissionRule,
  words: string,
  admission: Admission | undefined,
  style: Style,
): string {
  if (admission?.breakGlass) return style.warn(`overridden: ${words}`);
  return style.bad(`would be refused now: ${words}${remedy === undefined ? "" : `. ${plainText(remedy)}`}`);
}

/** The lines of those that are not met, and did not refuse it. */
export function admissionWarnings(admission: Admission | undefined, style: Style): string[] {
  const rules = (admission?.rules ?? []).filter(({ passed }) => !passed);
  return admission === undefined ? [] : admissionLines({ ...admission, rules }, style);
}
