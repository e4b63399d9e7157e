import type { Foreseen } from "./plan.ts";
import type { Schema } from "./schema.ts";
import type { Values } from "./values.ts";

/** What an apply has made of a resource. */
export interface Made {
  /** What is there now, even when something has failed; undefined: nothing. */
  readonly state: Values | undefined;
  /** Why it is not what was wanted: one sentence, then more lines. A new resource with a failure is replaced by the next apply. */
  readonly failure?: readonly string[];
  /** In the same form. */
  readonly warning?: readonly string[];
}

/** One kind of resource. Everything may throw; what is recorded then stays as it was. Values conform to the schema. */
export interface Resource {
  readonly schema: Schema;
  /** What is there now of what was recorded; undefined when it is gone. */
  read(recorded: Values): Promise<Values | undefined>;
  /** What an apply would do. All that the user has written is known. */
  foresee(wanted: Values, prior: Values | undefined): Promise<Foreseen>;
  /** Makes it or changes it: `planned` is what the plan has said. */
  make(planned: Values, prior: Values | undefined): Promise<Made>;
  remove(recorded: Values): Promise<void>;
  /** What is recorded for a resource that there is already. */
  find(id: string): Promise<Values>;
}

/** One kind of data source. */
export interface Lookup {
  readonly schema: Schema;
  read(wanted: Values): Promise<Values>;
}

/** What a provider offers once it is configured; kinds by their whole names, `kiln_service`. */
export interface Offered {
  readonly resources: Readonly<Record<string, Resource>>;
  readonly dataSources: Readonly<Record<string, Lookup>>;
}

export interface Provider {
  readonly schema: Schema;
  /** Contacts nothing: schemas are asked for with an empty configuration. */
  configure(values: Values): Offered;
  /** The user wants an end: what waits is to stop soon. */
  stop(): void;
}
