import { resolve } from "node:path";
import { parseLoopback } from "../../../lib/loopback.ts";
import type { ControllerStatus, TargetStatus } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { claimHome } from "../../local-controller/claim-home.ts";
import { controllerArgv, controllerEnv } from "../../local-controller/command-line.ts";
import { codeWords, findOutdated, type Outdated } from "../../local-controller/outdated.ts";
import { ensureController, listens } from "../../local-controller/start.ts";
import { stopController } from "../../local-controller/stop.ts";
import { systemdUnit } from "../../local-controller/systemd-unit.ts";
import type { Style } from "../../output/style.ts";
import { facts, plainText } from "../../output/text.ts";
import { formatAge, plural } from "../../output/units.ts";

/**
 * Becomes the controller (execve(2)): its signals, output and exit code are this process's own. For service managers
 * and for debugging.
 */
export async function run(context: Context, options: RunOptions): Outcome {
  const { setup } = options;
  const [program, ...args] = meteredArgv(options);
  const home = context.state.home;
  const setUp = setup === undefined ? [] : ["--setup", resolve(context.cwd, setup)];
  const kept = setup === undefined ? ["SYSTEMD_EXEC_PID"] : setupVariables;
  const own = kept.flatMap((name) => (context.env[name] === undefined ? [] : [[name, context.env[name]]]));
  process.umask(0o077);
  if (setup !== undefined) claimHome(home);
  const env = { ...Object.fromEntries(own), ...controllerEnv(home) };
  process.execve?.(program, [program, ...args, ...setUp], env);
  return 1;
}

interface RunOptions extends MetricsOptions {
  readonly setup?: string;
}

/** What a controller that is set up from a file keeps of its environment: where its cluster and the login for its registry are. */
const setupVariables = [
  "SYSTEMD_EXEC_PID",
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "DOCKER_CONFIG",
];

interface MetricsOptions {
  readonly metrics?: string;
}

/** A mistake ends the command, and is not left to the log of a controller that runs without metrics. Throws `usage`. */
function meteredArgv({ metrics }: MetricsOptions): readonly [string, ...string[]] {
  if (metrics === undefined) return controllerArgv();
  parseLoopback(metrics);
  return controllerArgv("--metrics", metrics);
}

export async function start(context: Context): Outcome {
  const { state, clock, signal, output } = context;
  const { started, replaced } = await ensureController({ state, clock, signal });
  const info = await (await context.connect()).info();
  const instead = replaced === undefined ? "" : `, in place of pid ${replaced.pid}`;
  output.result({ started, ...info }, [
    started
      ? `The controller is running now (pid ${info.pid})${instead}.`
      : `The controller is already running (pid ${info.pid}).`,
  ]);
  return 0;
}

export async function stop(context: Context): Outcome {
  const stopped = await stopController(context);
  const said =
    stopped === undefined
      ? "No controller is running."
      : `The controller has stopped. ${livesOn(stopped.servers)}`;
  context.output.result({ stopped: stopped !== undefined, ...stopped }, [said]);
  return 0;
}

function livesOn(servers: number): string {
  if (servers === 0) return "Any kiln command starts it again.";
  return `${plural(servers, "server")} and the router keep running; any kiln command starts a controller that finds them.`;
}

/** The one command that does not start a controller: exit code 1 when none runs. */
export async function status(context: Context): Outcome {
  const { state, output, clock } = context;
  if (!(await listens(state.controllerSocket))) {
    output.result({ running: false, home: state.home }, [`No controller is running for ${state.home}.`]);
    return 1;
  }
  const { createClient } = await import("../../../api/client/client.ts");
  const client = createClient(state.controllerSocket); // also of one that runs other code
  const [info, outdated] = await Promise.all([client.info(), findOutdated(state)]);
  const targets = outdated === undefined ? await client.targets() : [];
  const value = { running: true, ...info, targets, outdated: outdated !== undefined };
  output.result(value, statusLines({ info, targets, outdated }, clock.now(), output.style));
  return 0;
}

interface Shown {
  readonly info: ControllerStatus;
  readonly targets: readonly TargetStatus[];
  readonly outdated: Outdated | undefined;
}

function statusLines({ info, targets, outdated }: Shown, nowMs: number, style: Style): string[] {
  return [
    `${style.good("Running")} pid ${info.pid}, version ${info.version}, for ${formatAge(nowMs - info.startedAtMs)}`,
    ...facts([
      ["state", info.home],
      ...(outdated === undefined ? [] : [["code", style.warn(otherCode(outdated))] as const]),
      ["services", `${info.services}`],
      ["servers", `${info.servers}`],
      ...targets.map(({ name, trouble }) => {
        const state = trouble === undefined ? name : style.bad(plainText(`${name}: ${trouble.message}`));
        return ["target", state] as const;
      }),
    ]),
  ];
}

function otherCode({ holder, code }: Outdated): string {
  const end =
    holder.startedBy === "command" ? "the next command replaces it" : "restart it the way it was started";
  return `${codeWords(holder.code)}, not ${codeWords(code)}: ${end}`;
}

export async function unit(context: Context, options: MetricsOptions): Outcome {
  const { home } = context.state;
  const unit = `${howToInstall}${systemdUnit({ argv: meteredArgv(options), env: controllerEnv(home), home })}`;
  context.output.result({ unit }, [unit]);
  return 0;
}

const howToInstall = `# Install: kiln controller unit > /etc/systemd/system/kiln.service
#          systemctl daemon-reload && systemctl enable --now kiln
# After an upgrade of Kiln: systemctl restart kiln
`;
