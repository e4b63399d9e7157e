import { z } from "zod";
import type { ServerId } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";

const indexSchema = z.union([z.string(), z.number()]).optional();

/** What Kiln reads of `terraform show -json PLAN`: https://developer.hashicorp.com/terraform/internals/json-format. */
export const planSchema = z.object({
  errored: z.boolean().default(false),
  resource_changes: z
    .array(
      z.object({
        address: z.string(),
        mode: z.string().default("managed"),
        index: indexSchema,
        action_reason: z.string().optional(),
        change: z.object({
          actions: z.array(z.string()),
          replace_paths: z.array(z.array(z.union([z.string(), z.number()]))).optional(),
        }),
      }),
    )
    .default([]),
  output_changes: z.record(z.string(), z.object({ after: z.unknown().optional() })).default({}),
});

export type TerraformPlan = z.output<typeof planSchema>;

type ResourceChange = TerraformPlan["resource_changes"][number];

/** Servers that stay, by name, with the cloud's id of each. */
export type KeptServers = ReadonlyMap<ServerId, string>;

/**
 * A plan of a group may create, delete and read. Throws `module_refused`, with each resource that would be changed or replaced in place, and
 * with what would happen to servers that stay. Pure.
 */
export function passGate(plan: TerraformPlan, kept: KeptServers): void {
  const problems = [
    ...plan.resource_changes.flatMap((change) => refusalOf(change, kept) ?? []),
    ...changedServers(plan.output_changes.servers?.after, kept),
  ];
  if (problems.length > 0) throw refused(problems);
}

const mostNames = 5;

/** What Terraform would make for a new group, as a sentence. */
export function planWords(plan: TerraformPlan, release: number): string {
  const made = plan.resource_changes.filter(
    ({ change, mode }) => mode === "managed" && change.actions.includes("create"),
  );
  const names = made.slice(0, mostNames).map(({ address }) => address.replace(/^module\.group\./, ""));
  const more = made.length > mostNames ? `, and ${made.length - mostNames} more` : "";
  const what = made.length === 1 ? "1 resource" : `${made.length} resources`;
  return `Terraform would make ${what} for release ${release}: ${names.join(", ")}${more}.`;
}

function refusalOf(resource: ResourceChange, kept: KeptServers): string | undefined {
  const { address, index, action_reason: reason, change } = resource;
  const actions = change.actions.join(" and ");
  if (["no-op", "read"].includes(actions)) return undefined;
  const server = typeof index === "string" && kept.has(index) ? index : undefined;
  if (actions === "create")
    return server && `${address} would be made, although ${server} is there: Terraform's state of it is lost`;
  if (actions === "delete") return server && `${address} would be removed, although ${server} is to stay`;
  // It was never finished: an apply was cut off while it was made.
  if (change.actions.includes("create") && reason === "replace_because_tainted" && server === undefined)
    return undefined;
  const paths = (change.replace_paths ?? []).map((path) => path.join(".")).join(", ");
  const because = paths === "" ? "" : `, because of ${paths}`;
  return change.actions.includes("create")
    ? `${address} would be replaced in place${because}`
    : `${address} would get: ${actions}`;
}

const toldSchema = z.array(z.object({ name: z.string().optional(), id: z.unknown().optional() }));

/** What only a module knows that makes servers in one resource, or names them by number: which of them its plan touches. */
function changedServers(after: unknown, kept: KeptServers): readonly string[] {
  const told = toldSchema.safeParse(after);
  if (!told.success) return []; // not known before the apply: what comes of it is checked afterwards
  return told.data.flatMap(({ name, id }) => {
    const now = name === undefined ? undefined : kept.get(name);
    return now === undefined || typeof id !== "string" || id === now
      ? []
      : [`${name} would become ${id}, and is ${now}`];
  });
}

function refused(problems: readonly string[]): KilnError {
  const shown = problems.length > 1 ? `${problems[0]}, and ${problems.length - 1} more` : problems[0];
  return new KilnError("module_refused", `Terraform would change servers in place: ${shown}.`, {
    permanent: true,
    problems: problems.map((message) => ({ message: `${message}.` })),
    hint: "A group's servers are made and removed, never changed: let everything of the module depend on `var.kiln.servers` by for_each alone (docs/terraform.md).",
  });
}
