import { KilnError } from "../../lib/errors.ts";
import type { Context } from "../context.ts";
import { askConsent } from "../input/ask-consent.ts";
import { findMissingPackages } from "./programs.ts";
import { installSystemPackages } from "./system-packages.ts";

/** Installs the Debian packages of missing programs, after a yes. Throws `not_root`, `usage`, `cancelled`, `tool_missing`. */
export async function fixPrograms(context: Context, isConsented: boolean): Promise<void> {
  const missing = await findMissingPackages();
  if (missing.length === 0) {
    context.output.note("No program is missing.");
    return;
  }
  const packages = missing.join(" ");
  if (process.getuid?.() !== 0) {
    throw new KilnError("not_root", `Installing ${packages} needs root.`, {
      hint: "Repeat the command as root: `sudo kiln doctor --fix`.",
    });
  }
  if (!isConsented) {
    await askConsent(context, {
      what: `installs ${packages} with apt-get`,
      question: `Install ${packages} with apt-get?`,
      refused: "Nothing was installed.",
    });
  }
  await installSystemPackages(context);
}
