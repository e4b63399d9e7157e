import type { Registry } from "../../../image/registry/registry.ts";
import type { ImageStore } from "../../../image/store/image-store.ts";
import type { PulledReferrers } from "../../../image/transfer/pull-referrers.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context } from "../../context.ts";

/** Versions and digests of the store have no `/`. */
export function isInRegistry(name: string): boolean {
  return name.includes("/");
}

/** What is attached to an image of a registry, in a store of its own. */
export interface AttachedThere {
  readonly store: ImageStore;
  readonly digest: string;
  readonly notTaken: PulledReferrers["notTaken"];
}

/** Runs `work` with it, and fetches no layer of the image. Throws what the registry's calls throw. */
export async function withAttached<T>(
  context: Context,
  text: string,
  work: (there: AttachedThere) => Promise<T>,
): Promise<T> {
  const [registry, { inTemporaryStore }, { pullReferrers }] = await Promise.all([
    registryOf(context, text),
    import("../../../image/store/temporary-store.ts"),
    import("../../../image/transfer/pull-referrers.ts"),
  ]);
  const { digest } = await registry.manifest(requireNamed(registry, text));
  return inTemporaryStore(async (store) => {
    const { notTaken } = await pullReferrers(store, digest, registry);
    return work({ store, digest, notTaken });
  });
}

/** Its digest, or its tag. Throws `usage` without either. */
export function requireNamed({ reference }: Registry, text: string): string {
  const named = reference.digest ?? reference.tag;
  if (named === undefined) throw noReference(text, "a tag or a digest after the name");
  return named;
}

/** A client for the registry that a person names. Throws `usage`. */
export async function registryOf({ env, clock, signal }: Context, text: string): Promise<Registry> {
  const [{ parseReference }, { Registry: Client }] = await Promise.all([
    import("../../../image/registry/reference.ts"),
    import("../../../image/registry/registry.ts"),
  ]);
  const reference = parseReference(text);
  if (reference === undefined) throw noReference(text, "HOST/NAME:TAG, such as registry.example/shop:1.4.0");
  return new Client(reference, { env, clock, signal });
}

export function noReference(text: string, expected: string): KilnError {
  return new KilnError("usage", `${text} does not name an image in a registry; expected ${expected}.`, {
    hint: "The host is always named. `http://` is only for a registry on this machine: `http://127.0.0.1:5000/shop`.",
  });
}
