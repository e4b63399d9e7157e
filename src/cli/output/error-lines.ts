import { type Place, type Problem, toKilnError } from "../../lib/errors.ts";
import type { Style } from "./style.ts";

/** An error as a person reads it: what is wrong, each problem with its place, and what to do. */
export function errorLines(error: unknown, style: Style): string[] {
  const e = toKilnError(error);
  const first = `${style.bad("error")}${style.dim(` [${e.code}]`)} ${e.message}`;
  const said = e.message.split("\n"); // a problem without a place may be the message itself
  const problems = e.problems.filter(({ place, message }) => place !== undefined || !said.includes(message));
  const lines = [...first.split("\n"), ...problems.flatMap((problem) => problemLines(problem, style))];
  return e.hint === undefined ? lines : [...lines, `${style.bold("hint")} ${e.hint}`];
}

function problemLines(problem: Problem, style: Style): string[] {
  const place = problem.place === undefined ? "" : `${style.bold(formatPlace(problem.place))}: `;
  const lines = [`  ${place}${problem.message}`];
  return problem.hint === undefined ? lines : [...lines, `    ${problem.hint}`];
}

/** `kiln.yaml:3:12`, which editors and terminals open with a click. */
function formatPlace(place: Place): string {
  return [place.file, place.line, place.column].filter((part) => part !== undefined).join(":");
}
