/** A configured place of one platform, where services run. */
export interface Target {
  readonly name: TargetName;
  readonly platform: PlatformName;
  /** What its platform needs to know, in the words that the user gave. The platform's schema has checked them. */
  readonly options: Readonly<Record<string, string>>;
  /** Undefined for the one that is always there. */
  readonly added: { readonly atMs: number; readonly by: string } | undefined;
}

/** Lower-case letters, digits and hyphens; a letter first; at most 32 characters. */
export type TargetName = string;

/** A kind of place, by the name that `src/platform/registry.ts` has for it. */
export type PlatformName = string;

/** This machine: always there, and where a service runs that names no target. */
export const localTarget: Target = { name: "local", platform: "local", options: {}, added: undefined };
