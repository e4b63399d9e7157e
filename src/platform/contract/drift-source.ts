import type { Finding } from "../../domain/drift/drift.ts";
import type { ServerId } from "../../domain/ids.ts";
import type { Call } from "./call.ts";

/**
 * Finds what is changed of running servers, whatever it looks with: the kernel's files and events, the events of an engine, a
 * comparison of a cloud's resources with what was asked for. Disposing of it ends all looking.
 */
export interface DriftSource extends AsyncDisposable {
  /** Calls back with each finding, once, as soon as it is there. */
  watch(found: (finding: Finding) => void): Disposable;
  /** Calls back with what the source has to say of itself and of its place: that it sees worse now, or that it could not see for a time. */
  watchNotices(told: (notice: DriftNotice) => void): Disposable;
  /** All that was found about servers that are there, oldest first. From memory. */
  findings(): readonly Finding[];
  /** Looks at everything now; resolves to all findings. */
  inspect(call: Call): Promise<readonly Finding[]>;
  /** Stops all processes of the server where they are, before it returns. False when it could not be done. Absent: it never can. */
  freeze?(server: ServerId): boolean;
}

/** An event that concerns no single server. */
export interface DriftNotice {
  /** Of the event: `drift.tier`, `drift.gap`, `drift.object`. */
  readonly kind: string;
  /** One sentence for people. */
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}
