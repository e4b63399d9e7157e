import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { cleanEnvironment, proxiesOf } from "../../lib/environment.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Context } from "../context.ts";

const script = fileURLToPath(new URL("../../../scripts/ensure.sh", import.meta.url));

/** Installs the system packages that the local platform needs, where they are missing, and shows what it does. */
export async function installSystemPackages(context: Context): Promise<void> {
  const voice = context.output.json ? "ignore" : 2;
  const child = spawn("sh", [script, "--system"], {
    env: { ...cleanEnvironment, ...proxiesOf(context.env) },
    stdio: ["ignore", voice, voice],
    signal: context.signal,
  });
  const [code] = await once(child, "close");
  if (code === 0) return;
  throw new KilnError("tool_missing", "The system packages that Kiln needs could not be installed.", {
    hint: `Look at what \`sh ${script} --system\` says.`,
  });
}
