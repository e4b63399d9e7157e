import type { ControllerStatus } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import { codeWords, findOutdated, type Outdated } from "../local-controller/outdated.ts";
import { listens } from "../local-controller/start.ts";
import type { Style } from "../output/style.ts";
import { facts } from "../output/text.ts";
import { formatAge } from "../output/units.ts";

/** The one command that does not start a controller: exit code 1 when none runs. */
export async function run(context: Context): Outcome {
  const { state, output, clock } = context;
  if (!(await listens(state.controllerSocket))) {
    output.result({ running: false, home: state.home }, [`No controller is running for ${state.home}.`]);
    return 1;
  }
  const { createClient } = await import("../../api/client.ts");
  const [info, outdated] = await Promise.all([
    createClient(state.controllerSocket).info(), // also one that runs other code
    findOutdated(state),
  ]);
  const value = { running: true, ...info, outdated: outdated !== undefined };
  output.result(value, statusLines(info, outdated, clock.now(), output.style));
  return 0;
}

function statusLines(
  info: ControllerStatus,
  outdated: Outdated | undefined,
  nowMs: number,
  style: Style,
): string[] {
  const { usable, gaps } = info.readiness;
  return [
    `${style.good("Running")} pid ${info.pid}, version ${info.version}, for ${formatAge(nowMs - info.startedAtMs)}`,
    ...facts([
      ["state", info.home],
      ...(outdated === undefined ? [] : [["code", style.warn(otherCode(outdated))] as const]),
      ["services", `${info.services}`],
      ["servers", `${info.servers}`],
      ["platform", usable ? style.good("usable") : style.bad("not usable: `kiln doctor` says why")],
      ...gaps.map((gap) => [gap.severity, gap.what] as const),
    ]),
  ];
}

function otherCode({ holder, code }: Outdated): string {
  const end =
    holder.startedBy === "command" ? "the next command replaces it" : "restart it the way it was started";
  return `${codeWords(holder.code)}, not ${codeWords(code)}: ${end}`;
}
