import { KilnError, type Place, type Problem, toKilnError } from "../lib/errors.ts";
import type { Diagnostic } from "./wire/messages.ts";

/** An error as Terraform shows it: one line, and below it each problem with its place, and what to do. */
export function diagnosticOf(error: unknown): Diagnostic {
  const { code, message, problems, hint } = toKilnError(error);
  const [summary = message, ...rest] = message.split("\n");
  const detail = [
    ...rest,
    ...problems.flatMap(problemLines),
    ...(hint === undefined ? [] : ["", hint]),
    ...["", `Error code: ${code}`],
  ];
  return { severity: "ERROR", summary, detail: detail.join("\n").trim(), ...placeOf(error) };
}

/** Lines as one diagnostic; none for none. */
export function saidAs(
  severity: Diagnostic["severity"],
  lines: readonly string[] | undefined,
): readonly Diagnostic[] {
  if (lines === undefined) return [];
  const [summary = "", ...rest] = lines;
  return [{ severity, summary, detail: rest.join("\n").trim() }];
}

/** An error about one attribute, which Terraform shows with its line. */
export class AttributeError extends KilnError {
  readonly attribute: string;

  constructor(attribute: string, message: string, hint: string) {
    super("usage", message, { hint });
    this.attribute = attribute;
  }
}

function placeOf(error: unknown): Pick<Diagnostic, "attribute"> {
  return error instanceof AttributeError
    ? { attribute: { steps: [{ attribute_name: error.attribute }] } }
    : {};
}

function problemLines({ place, message, hint }: Problem): string[] {
  const line = place === undefined ? message : `${placeText(place)}: ${message}`;
  return [line, ...(hint === undefined ? [] : [`  ${hint}`])];
}

function placeText({ file, line, column }: Place): string {
  return [file, line, column].filter((part) => part !== undefined).join(":");
}
