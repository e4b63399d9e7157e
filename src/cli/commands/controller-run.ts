import type { Context, Outcome } from "../context.ts";
import { controllerArgv, controllerEnv } from "../local-controller/command-line.ts";

/**
 * Becomes the controller (execve(2)): its signals, output and exit code are this process's own. For service managers
 * and for debugging.
 */
export async function run(context: Context): Outcome {
  const [program, ...args] = controllerArgv();
  const home = context.state.home;
  const { SYSTEMD_EXEC_PID } = context.env;
  const service = SYSTEMD_EXEC_PID === undefined ? {} : { SYSTEMD_EXEC_PID };
  process.umask(0o077);
  process.execve?.(program, [program, ...args], { ...service, ...controllerEnv(home) });
  return 1;
}
