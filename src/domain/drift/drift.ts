import type { ServerId, ServiceKey } from "../ids.ts";

/** In what a server differs from its release. */
export type DriftKind =
  /** A process in it that is not a descendant of its own first process. */
  | "process"
  /** A process of it runs a program that is not a file of its image. */
  | "program"
  /** A process of it is in another namespace than it was made with. */
  | "namespace"
  /** Another program traces a process of it. */
  | "traced"
  /** Its mount table: something mounted, unmounted or remounted. */
  | "mount"
  /** Its cgroup limits. */
  | "limit"
  /** Something in its network namespace that neither Kiln nor a process of it has made. */
  | "network"
  /** It was stopped where it was, by another program than Kiln. */
  | "paused"
  /** A file of its image on this machine is altered, replaced or gone. */
  | "image"
  /** What it was made from: its runtime configuration, its host names, its object in a cluster. */
  | "bundle"
  /** A writable place is full: nothing was changed, but it cannot work. */
  | "full"
  /** Someone ran a command in it with `kiln exec`. */
  | "exec";

/** Those that are found by looking; a service may ignore them. */
export const driftKinds = [
  ...(["process", "program", "namespace", "traced", "mount", "limit", "network"] as const),
  ...(["paused", "image", "bundle", "full"] as const),
] satisfies readonly DriftKind[];

/** One difference between a server and its release. */
export interface Finding {
  readonly server: ServerId;
  readonly service: ServiceKey;
  readonly release: number;
  readonly kind: DriftKind;
  /** What of that kind: a mount point, a file, a limit's name, `pid 4711`. With server and kind it tells findings apart. */
  readonly subject: string;
  /** One sentence for people. */
  readonly detail: string;
  /** When it was seen (Unix time in ms). */
  readonly atMs: number;
  /** Who did it, in words, as far as that is known: `/usr/sbin/runc pid 4711 uid 0 (login 1000)`, `kubectl-edit`. */
  readonly who: string | undefined;
  /** Which detector saw it: `trace`, `watch`, `scan`, `files`, `network`; `kiln` for what it did itself. */
  readonly seenBy: string;
}

/** How soon a platform sees what kind of change. */
export type Speed = "prevented" | "milliseconds" | "seconds" | "minutes" | "unseen";

/** How well a platform sees drift, as a probe has shown. */
export interface IntegrityTier {
  /** The platform's own word for it. Of Linux processes: `kernel`, kernel events and scan; `scan`, only the scan and slower; `none`. */
  readonly name: string;
  /** One line for each thing that someone could do: how this platform meets it, and why not better. */
  readonly facts: readonly { readonly what: string; readonly speed: Speed; readonly how: string }[];
}
