import { KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { PublishStep } from "./clouds.ts";

const placeholder = /\{\{([A-Z]+)\}\}/g;

/** Lines for a shell that ends at a failure (`set -e`). `None` is what `aws --output text` prints for nothing. */
export function shellLines({ program, args, gives }: PublishStep): string {
  const line = [program, ...args].map(quoted).join(" ");
  return gives === undefined ? line : `${gives}=$(${line})\n[ "$${gives}" != None ]`;
}

function quoted(word: string): string {
  if (word.includes("{{"))
    return `"${word.replaceAll(/["\\$`]/g, "\\$&").replaceAll(placeholder, "$${$1}")}"`;
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

interface RunOptions {
  /** With the caller's credentials and search path. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly note: (text: string) => void;
}

/** Runs one step after another, and returns what they have given. Throws `tool_missing`, and `command_failed` with what is left to do. */
export async function runSteps(
  steps: readonly PublishStep[],
  { env, signal, note }: RunOptions,
): Promise<Readonly<Record<string, string>>> {
  const values: Record<string, string> = {};
  for (const [i, { does, program, args, gives }] of steps.entries()) {
    note(`${i + 1} of ${steps.length}: ${program} ${does}.`);
    const filled = args.map((arg) => arg.replaceAll(placeholder, (own, name: string) => values[name] ?? own));
    const { stdout } = await exec([program, ...filled], { env, signal }).catch((error) => {
      throw explained(error, steps, i);
    });
    if (gives === undefined) continue;
    const value = stdout.trim();
    if (!/^[\w:./-]+$/.test(value) || value === "None")
      // what `aws --output text` prints for nothing
      throw new KilnError(
        "command_failed",
        `${program} ${args.slice(0, 2).join(" ")} gave no ${gives}: ${JSON.stringify(value.slice(0, 200))}.`,
      );
    values[gives] = value;
  }
  return values;
}

function explained(error: unknown, steps: readonly PublishStep[], at: number): unknown {
  if (!(error instanceof KilnError)) return error;
  const { program, does } = steps[at] ?? { program: "", does: "" };
  if (error.code === "tool_missing")
    return new KilnError("tool_missing", `The program ${program} is not installed.`, {
      hint: "Install the command line of the cloud's vendor, or run what this prints without `--run` where it is installed.",
      cause: error,
    });
  if (error.code !== "command_failed") return error;
  return new KilnError(
    "command_failed",
    `Step ${at + 1} of ${steps.length} failed (${program} ${does}): ${error.message}`,
    {
      hint: "Without `--run` the same command prints all steps, to continue by hand with what is there already.",
      cause: error,
    },
  );
}
