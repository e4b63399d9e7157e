import { KilnError } from "../lib/errors.ts";
import { AttributeError, diagnosticOf, saidAs } from "./diagnostics.ts";
import { asPlanned, type PlannedChange, planned, replacing, unforeseen } from "./plan.ts";
import type { Lookup, Made, Offered, Provider, Resource } from "./provider.ts";
import { conform, isWhollyKnown, type Schema, wireSchema } from "./schema.ts";
import { fromJson, isKnown, readObject, type Values, writeObject } from "./values.ts";
import type { AttributePath, Calls, ChangeAsked, Diagnosed, WireSchema } from "./wire/messages.ts";

/** An answer to each call. */
export type Handlers = {
  readonly [Name in keyof Calls]: (asked: Calls[Name][0]) => Promise<Calls[Name][1]>;
};

const noConfiguration: Values = {};

/** Answers Terraform's calls for a provider. Errors become diagnostics. */
export function handlersOf(provider: Provider): Handlers {
  let offered: Offered = provider.configure(noConfiguration);
  const resource = (name: string): Resource => kindOf(offered.resources, name);
  const dataSource = (name: string): Lookup => kindOf(offered.dataSources, name);
  return {
    GetProviderSchema: async () => ({
      provider: wireSchema(provider.schema),
      resource_schemas: schemasOf(offered.resources),
      data_source_schemas: schemasOf(offered.dataSources),
    }),
    ValidateProviderConfig: async () => ({}),
    ValidateResourceConfig: async () => ({}),
    ValidateDataResourceConfig: async () => ({}),
    ConfigureProvider: ({ config }) =>
      diagnosed(async () => {
        offered = provider.configure(configuration(provider.schema, readObject(config) ?? {}));
        return {};
      }),
    UpgradeResourceState: ({ type_name, raw_state }) =>
      diagnosed(async () => ({
        upgraded_state: writeObject(conform(resource(type_name).schema, fromJson(raw_state.json))),
      })),
    ReadResource: ({ type_name, value }) =>
      diagnosed(async () => ({
        state: writeObject(await readAgain(resource(type_name), readObject(value))),
      })),
    PlanResourceChange: (asked) => diagnosed(() => plan(resource(asked.type_name), asked)),
    ApplyResourceChange: (asked) => apply(resource(asked.type_name), asked),
    ImportResourceState: ({ type_name, id }) =>
      diagnosed(async () => {
        const { schema, find } = resource(type_name);
        return { imported_resources: [{ type_name, state: writeObject(conform(schema, await find(id))) }] };
      }),
    ReadDataSource: ({ type_name, value }) =>
      diagnosed(async () => {
        const { schema, read } = dataSource(type_name);
        return { state: writeObject(conform(schema, await read(readObject(value) ?? {}))) };
      }),
    StopProvider: async () => {
      provider.stop();
      return {};
    },
  };
}

async function diagnosed<Answer extends object>(work: () => Promise<Answer>): Promise<Answer | Diagnosed> {
  try {
    return await work();
  } catch (error) {
    return { diagnostics: [diagnosticOf(error)] };
  }
}

function kindOf<Kind>(kinds: Readonly<Record<string, Kind>>, name: string): Kind {
  const kind = kinds[name];
  if (kind !== undefined) return kind;
  throw new KilnError("internal", `Kiln's provider has no ${name}.`);
}

function schemasOf(kinds: Readonly<Record<string, { readonly schema: Schema }>>): Record<string, WireSchema> {
  return Object.fromEntries(Object.entries(kinds).map(([name, { schema }]) => [name, wireSchema(schema)]));
}

function configuration(schema: Schema, values: Values): Values {
  const [open] = Object.entries(values).find(([, value]) => !isKnown(value)) ?? [];
  if (open === undefined) return conform(schema, values);
  throw new AttributeError(
    open,
    `The provider's ${open} is known only after an apply.`,
    "Give it a value that is known when Terraform plans: Kiln's part of a plan is the controller's own.",
  );
}

async function readAgain({ schema, read }: Resource, recorded: Values | undefined) {
  const now = recorded && (await read(recorded));
  return now && conform(schema, now);
}

async function plan(resource: Resource, asked: ChangeAsked): Promise<Calls["PlanResourceChange"][1]> {
  const wanted = readObject(asked.wanted);
  if (wanted === undefined) return { planned_state: asked.wanted };
  const { state, replaces } = await plannedChange(resource, wanted, readObject(asked.prior_state));
  return { planned_state: writeObject(state), requires_replace: replaces.map(pathTo) };
}

async function plannedChange(
  { schema, foresee }: Resource,
  wanted: Values,
  prior: Values | undefined,
): Promise<PlannedChange> {
  const isOpen = !isWhollyKnown(schema, wanted) || replacing(schema, wanted, prior).length > 0;
  const foreseen = isOpen ? unforeseen : await foresee(conform(schema, wanted), prior);
  return planned(schema, { wanted, prior }, foreseen);
}

function pathTo(name: string): AttributePath {
  return { steps: [{ attribute_name: name }] };
}

async function apply(resource: Resource, asked: ChangeAsked): Promise<Calls["ApplyResourceChange"][1]> {
  try {
    const prior = readObject(asked.prior_state);
    const { state, failure, warning } = await applied(resource, readObject(asked.wanted), prior);
    return {
      new_state: writeObject(state && conform(resource.schema, state)),
      diagnostics: [...saidAs("ERROR", failure), ...saidAs("WARNING", warning)],
    };
  } catch (error) {
    return { new_state: asked.prior_state, diagnostics: [diagnosticOf(error)] };
  }
}

async function applied(
  resource: Resource,
  wanted: Values | undefined,
  prior: Values | undefined,
): Promise<Made> {
  if (wanted !== undefined) {
    const made = await resource.make(wanted, prior);
    const isDone = made.failure === undefined && made.state !== undefined;
    return isDone ? { ...made, state: asPlanned(wanted, made.state) } : made;
  }
  if (prior !== undefined) await resource.remove(prior);
  return { state: undefined };
}
