import type { DriftNotice } from "../platform/contract/drift-source.ts";
import type { WatchGap } from "./gap.ts";

/** It sees better or worse than before, and why. */
export function tierNotice(tier: "kernel" | "scan", reason: string): DriftNotice {
  const how = tier === "kernel" ? "within milliseconds" : "by the scan alone, within seconds";
  return { kind: "drift.tier", message: `Kiln sees drift ${how}: ${reason}.`, data: { tier, reason } };
}

/** The immutable flag of an image file in use was removed; it is set again by then. */
export function protectionNotice(file: string): DriftNotice {
  const message = `The immutable flag of an image file in use was removed: ${file}. The content is unchanged and the flag is set again.`;
  return { kind: "image.unprotected", message, data: { file } };
}

/** A time in which it could not see; a look at everything follows. */
export function gapNotice({ reason, missed, ms }: WatchGap): DriftNotice {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  const message = `Kiln may have missed drift for up to ${seconds} s, because ${reason}: ${missed}. It now looks at everything.`;
  return { kind: "drift.gap", message, data: { reason, missed, ms: Math.round(ms) } };
}
