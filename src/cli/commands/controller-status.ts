import type { ControllerStatus } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import { listens } from "../local-controller/start.ts";
import type { Style } from "../output/style.ts";
import { facts } from "../output/text.ts";
import { formatAge } from "../output/units.ts";

/** The one command that does not start a controller: exit code 1 when none runs. */
export async function run(context: Context): Outcome {
  const { state, output, clock } = context;
  if (!(await listens(state.controllerSocket))) {
    output.result({ running: false, home: state.home }, [`No controller runs for ${state.home}.`]);
    return 1;
  }
  const info = await (await context.connect()).info();
  output.result({ running: true, ...info }, statusLines(info, clock.now(), output.style));
  return 0;
}

function statusLines(info: ControllerStatus, nowMs: number, style: Style): string[] {
  const { usable, gaps } = info.readiness;
  return [
    `${style.good("Running")} pid ${info.pid}, version ${info.version}, for ${formatAge(nowMs - info.startedAtMs)}`,
    ...facts([
      ["state", info.home],
      ["services", `${info.services}`],
      ["servers", `${info.servers}`],
      ["platform", usable ? style.good("usable") : style.bad("not usable: `kiln doctor` says why")],
      ...gaps.map((gap) => [gap.severity, gap.what] as const),
    ]),
  ];
}
