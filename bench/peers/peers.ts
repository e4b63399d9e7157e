import type { Figure } from "../figure.ts";
import type { Workshop } from "../workshop.ts";

/** Not yet. */
export async function measurePeers(workshop: Workshop): Promise<readonly Figure[]> {
  workshop.say("no peers");
  return [];
}
