import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { inParallel } from "../../../lib/in-parallel.ts";
import type { Context, Outcome } from "../../context.ts";
import { planOf } from "../plan-of.ts";
import { planLines } from "../plan-text.ts";
import { openProjects, type ProjectMember } from "./open-projects.ts";

/** One plan for every service of a folder, in the order of their rollouts. The first that is refused ends it. */
export async function planAll(
  context: Context,
  options: { readonly env?: string },
  folder: string | true,
): Outcome {
  const members = await openProjects(resolve(context.cwd, folder === true ? "." : folder), options.env);
  const plans = await inParallel(members, availableParallelism(), async (member) => {
    const own = { ...context, output: context.output.named(member.name) };
    const { plan } = await planOf(own, await context.connect(), member);
    return { member, plan };
  });
  const services = plans.map(({ member: { key, file, after }, plan }) => ({
    service: key,
    file,
    after,
    plan,
  }));
  const { style } = context.output;
  const lines = plans.flatMap(({ member, plan }) => [...planLines(plan, style), ...afterLines(member), ""]);
  const changing = plans.filter(({ plan }) => plan.actions.length > 0 || plan.changes.length > 0);
  const names = changing.map(({ member }) => member.name).join(", ");
  const total = `${changing.length} of ${plans.length} services would change${names === "" ? "." : `: ${names}.`}`;
  context.output.result({ services }, [...lines, total]);
  return 0;
}

function afterLines({ after }: ProjectMember): readonly string[] {
  return after.length === 0 ? [] : [`Begins when these serve: ${after.join(", ")}`];
}
