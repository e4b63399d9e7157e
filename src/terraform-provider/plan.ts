import { conform, equal, type Schema, written } from "./schema.ts";
import { isKnown, unknown, type Values } from "./values.ts";

/** What a resource says of an apply that is yet to come. */
export interface Foreseen {
  /** False: what is wanted is there already, and every computed value stays. */
  readonly changes: boolean;
  /** Computed values that are known before the apply. */
  readonly known?: Values;
  /** Attributes that need another resource, besides those that always do. */
  readonly replaces?: readonly string[];
}

export interface PlannedChange {
  readonly state: Values;
  /** Attributes because of which this resource goes and another one comes; the plan is then asked for again, without a prior state. */
  readonly replaces: readonly string[];
}

/** Nothing can be said before the configuration is known. */
export const unforeseen: Foreseen = { changes: true };

/** The attributes whose new value needs another resource. */
export function replacing(schema: Schema, wanted: Values, prior: Values | undefined): readonly string[] {
  if (prior === undefined) return [];
  const isOther = (name: string) => !equal(wanted[name] ?? null, prior[name] ?? null);
  return Object.entries(schema.attributes).flatMap(([name, { replaces }]) =>
    replaces && isOther(name) ? [name] : [],
  );
}

/** The planned state: what the user has written, and computed values as far as they are known. */
export function planned(
  schema: Schema,
  { wanted, prior }: { readonly wanted: Values; readonly prior: Values | undefined },
  { changes, known = {}, replaces = [] }: Foreseen,
): PlannedChange {
  const all = [...new Set([...replacing(schema, wanted, prior), ...replaces])];
  const stays = !changes && prior !== undefined && all.length === 0;
  const computed = Object.entries(schema.attributes).flatMap(([name, { is }]) =>
    is === "computed" ? [[name, known[name] ?? (stays ? (prior[name] ?? null) : unknown)] as const] : [],
  );
  const state = conform(schema, { ...written(schema, wanted), ...Object.fromEntries(computed) });
  return { state, replaces: prior === undefined ? [] : all };
}

/**
 * What is recorded after an apply: the plan, with what was unknown in it. Terraform takes anything else for a fault of the provider, and a new resource for one to be
 * removed. What someone has changed since the plan is drift: the next read finds it.
 */
export function asPlanned(planned: Values, made: Values): Values {
  const known = Object.entries(planned).filter(([, value]) => isKnown(value));
  return { ...made, ...Object.fromEntries(known) };
}
