import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Registry } from "../../../image/registry/registry.ts";
import type { ImageStore } from "../../../image/store/image-store.ts";
import type { PulledReferrers } from "../../../image/transfer/pull-referrers.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context } from "../../context.ts";

/** Versions and digests of the store have no `/`. */
export function isInRegistry(name: string): boolean {
  return name.includes("/");
}

/** What is attached to an image of a registry, in a store of its own that lasts as long as this. */
export interface AttachedThere extends AsyncDisposable {
  readonly store: ImageStore;
  readonly digest: string;
  readonly notTaken: PulledReferrers["notTaken"];
}

/** Fetches no layer of the image. Throws what the registry's calls throw. */
export async function attachedThere(context: Context, text: string): Promise<AttachedThere> {
  const [registry, { ensureStore }, { pullReferrers }] = await Promise.all([
    registryOf(context, text),
    import("../../../image/store/image-store.ts"),
    import("../../../image/transfer/pull-referrers.ts"),
  ]);
  const { reference } = registry;
  const named = reference.digest ?? reference.tag;
  if (named === undefined) throw noReference(text, "a tag or a digest after the name");
  const { digest } = await registry.manifest(named);
  const folder = await mkdtemp(join(tmpdir(), "kiln-attached-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  const store = { folder, temporary: join(folder, "temporary"), lock: join(folder, "lock") };
  try {
    await ensureStore(store);
    const { notTaken } = await pullReferrers(store, digest, registry);
    return { store, digest, notTaken, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
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
