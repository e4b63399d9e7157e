import { changeIndex, type ImageStore } from "./image-store.ts";
import { annotations, type Descriptor } from "./oci-types.ts";

/**
 * An entry of the index that is not a version of a service, such as a signature. A tag moves to it; without one, it is there once.
 * Only under the store's lock.
 */
export async function attach(store: ImageStore, entry: Descriptor, tag: string | undefined): Promise<void> {
  const named = tag === undefined ? entry : { ...entry, annotations: { [annotations.refName]: tag } };
  const nameOf = (one: Descriptor) => one.annotations?.[annotations.refName];
  const isReplaced = (one: Descriptor) =>
    tag === undefined ? one.digest === entry.digest && nameOf(one) === undefined : nameOf(one) === tag;
  await changeIndex(store, (all) => [...all.filter((one) => !isReplaced(one)), named]);
}
