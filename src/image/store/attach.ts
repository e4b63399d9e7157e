import { changeIndex, type ImageStore } from "./image-store.ts";
import { annotations, type Descriptor } from "./oci-types.ts";

const nameOf = (one: Descriptor) => one.annotations?.[annotations.refName];

/**
 * An entry of the index that is not a version of a service, such as a signature. A tag moves to it; without one, it is there once.
 * Only under the store's lock.
 */
export async function attach(store: ImageStore, entry: Descriptor, tag: string | undefined): Promise<void> {
  if (tag === undefined) return attachAll(store, [entry]);
  const named = { ...entry, annotations: { [annotations.refName]: tag } };
  await changeIndex(store, (all) => [...all.filter((one) => nameOf(one) !== tag), named]);
}

/** Entries without a tag, each there once, with one write. Only under the store's lock. */
export async function attachAll(store: ImageStore, entries: readonly Descriptor[]): Promise<void> {
  const added = new Set(entries.map(({ digest }) => digest));
  const isReplaced = (one: Descriptor) => nameOf(one) === undefined && added.has(one.digest);
  await changeIndex(store, (all) => [...all.filter((one) => !isReplaced(one)), ...entries]);
}
