import { KilnError } from "../../lib/errors.ts";
import type { Resource } from "../../terraform-provider/provider.ts";
import type { Schema } from "../../terraform-provider/schema.ts";
import { textOf, type Values } from "../../terraform-provider/values.ts";
import type { TargetStatus } from "../api.ts";
import type { Context } from "../context.ts";

const schema: Schema = {
  description:
    "A target: a place where services run, which goes when no service is on it. The controller takes targets only from its own machine.",
  attributes: {
    name: { type: "string", is: "required", replaces: true, description: "Its name." },
    platform: {
      ...{ type: "string", is: "required", replaces: true },
      description: "docker, kubernetes, terraform or another one of `kiln target add --help`.",
    },
    options: {
      ...{ type: ["map", "string"], is: "optional", replaces: true },
      description: "Options of the platform, as `kiln target add --option` takes them.",
    },
    id: { type: "string", is: "computed", description: "Its name." },
  },
};

/** `coming` gets the targets that a plan makes, until an apply has made them. */
export function targetResource(context: Context, coming: Set<string>): Resource {
  const find = async (name: string): Promise<TargetStatus | undefined> =>
    (await (await context.connect()).targets()).find((target) => target.name === name);
  return {
    schema,
    read: async (recorded) => {
      const target = await find(nameIn(recorded));
      return target && { ...valuesOf(target), ...recordedOptions(target, recorded) };
    },
    find: async (id) => {
      const target = await find(id);
      if (target?.added !== undefined) return valuesOf(target);
      throw new KilnError("target_unknown", `There is no target ${id} that someone has added.`, {
        hint: "`kiln target ls` lists them.",
      });
    },
    foresee: async (wanted, prior) => {
      if (prior === undefined) coming.add(nameIn(wanted));
      return { changes: prior === undefined, known: { id: nameIn(wanted) } };
    },
    make: async (planned, prior) => {
      if (prior !== undefined) return { state: prior };
      const options = (planned.options ?? {}) as Readonly<Record<string, string>>;
      const platform = textOf(planned, "platform") ?? "";
      await (await context.connect()).addTarget({ target: nameIn(planned), platform, options });
      coming.delete(nameIn(planned));
      return { state: { ...planned, id: nameIn(planned) } };
    },
    remove: async (recorded) => {
      if ((await find(nameIn(recorded))) === undefined) return;
      await (await context.connect()).removeTarget({ target: nameIn(recorded) });
    },
  };
}

function nameIn(values: Values): string {
  return textOf(values, "name") ?? textOf(values, "id") ?? "";
}

function valuesOf({ name, platform, options }: TargetStatus): Values {
  return { name, platform, id: name, options: isEmpty(options) ? null : options };
}

/** No options and an empty map of them are the same to Kiln, and not to Terraform: the one that is recorded stays. */
function recordedOptions({ options }: TargetStatus, recorded: Values): Values {
  return isEmpty(options) && isEmpty(Object(recorded.options ?? {}))
    ? { options: recorded.options ?? null }
    : {};
}

function isEmpty(options: object): boolean {
  return Object.keys(options).length === 0;
}
