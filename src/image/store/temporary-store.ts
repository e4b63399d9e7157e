import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureStore, type ImageStore } from "./image-store.ts";

/** Runs `work` with an empty image store that lasts as long as this. */
export async function inTemporaryStore<T>(work: (store: ImageStore) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "kiln-store-"));
  const store = { folder, temporary: join(folder, "temporary"), lock: join(folder, "lock") };
  try {
    await ensureStore(store);
    return await work(store);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
