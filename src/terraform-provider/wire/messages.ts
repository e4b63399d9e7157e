/** The messages of tfplugin6.proto, as proto-loader reads and writes them: a field that is not set is absent. */

export interface DynamicValue {
  readonly msgpack?: Uint8Array;
  readonly json?: Uint8Array;
}

export interface AttributePath {
  readonly steps: readonly { readonly attribute_name: string }[];
}

export interface Diagnostic {
  readonly severity: "ERROR" | "WARNING";
  readonly summary: string;
  readonly detail: string;
  readonly attribute?: AttributePath;
}

export interface Diagnosed {
  readonly diagnostics?: readonly Diagnostic[];
}

export interface WireSchema {
  readonly version: number;
  readonly block: {
    readonly description: string;
    readonly attributes: readonly {
      readonly name: string;
      /** JSON: `"string"`, `["list","string"]`. */
      readonly type: Uint8Array;
      readonly description: string;
      readonly required: boolean;
      readonly optional: boolean;
      readonly computed: boolean;
    }[];
  };
}

export interface Schemas {
  readonly provider: WireSchema;
  readonly resource_schemas: Readonly<Record<string, WireSchema>>;
  readonly data_source_schemas: Readonly<Record<string, WireSchema>>;
}

interface Typed {
  readonly type_name: string;
}

export interface OfType extends Typed {
  readonly value: DynamicValue;
}

export interface ChangeAsked extends Typed {
  readonly prior_state: DynamicValue;
  readonly wanted: DynamicValue;
  readonly config: DynamicValue;
}

/** What each call is asked with, and what it answers. */
export interface Calls {
  GetProviderSchema: [asked: object, answer: Schemas];
  ValidateProviderConfig: [asked: { readonly config: DynamicValue }, answer: Diagnosed];
  ConfigureProvider: [asked: { readonly config: DynamicValue }, answer: Diagnosed];
  ValidateResourceConfig: [asked: OfType, answer: Diagnosed];
  ValidateDataResourceConfig: [asked: OfType, answer: Diagnosed];
  UpgradeResourceState: [
    asked: Typed & { readonly raw_state: { readonly json: Uint8Array } },
    answer: Diagnosed & { readonly upgraded_state?: DynamicValue },
  ];
  ReadResource: [asked: OfType, answer: Diagnosed & { readonly state?: DynamicValue }];
  PlanResourceChange: [
    asked: ChangeAsked,
    answer: Diagnosed & {
      readonly planned_state?: DynamicValue;
      readonly requires_replace?: readonly AttributePath[];
    },
  ];
  ApplyResourceChange: [asked: ChangeAsked, answer: Diagnosed & { readonly new_state?: DynamicValue }];
  ImportResourceState: [
    asked: Typed & { readonly id: string },
    answer: Diagnosed & {
      readonly imported_resources?: readonly (Typed & { readonly state: DynamicValue })[];
    },
  ];
  ReadDataSource: [asked: OfType, answer: Diagnosed & { readonly state?: DynamicValue }];
  StopProvider: [asked: object, answer: object];
}
