import type { Context, Outcome } from "../context.ts";
import { stopController } from "../local-controller/stop.ts";
import { plural } from "../output/units.ts";

export async function run(context: Context): Outcome {
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
