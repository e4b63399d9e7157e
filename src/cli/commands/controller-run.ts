import type { Context, Outcome } from "../context.ts";
import { controllerArgv, controllerEnv } from "../local-controller/command-line.ts";

/**
 * Becomes the controller (execve(2)): its signals, output and exit code are this process's own. For service managers
 * and for looking at it.
 */
export async function run(context: Context): Outcome {
  const [program, ...args] = controllerArgv();
  const home = context.state.home;
  process.umask(0o077);
  process.execve?.(program, [program, ...args], { ...context.env, ...controllerEnv(context.env, home) });
  return 1;
}
