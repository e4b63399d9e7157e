import type { Finding } from "../../domain/drift/drift.ts";
import type { ServerId } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { Call } from "./call.ts";

/** The mark that drift leaves on a server, forever: the finding that led to it. */
export type Taint = Omit<Finding, "server" | "service" | "release">;

export interface Evidence {
  readonly server: ServerId;
  /** Names what was kept: `sha256:…`. Undefined where nothing can be. */
  readonly digest: string | undefined;
  /** Processes from outside that were in it and were killed once that was kept, as `pid 123 (name)`. Absent: none. */
  readonly killed?: readonly string[];
}

/** A server in quarantine, with what is needed to keep its evidence. */
export interface Exhibit {
  readonly server: ServerId;
  readonly release: Pick<Release, "number" | "image" | "version">;
  readonly taint: Taint;
  /** Its first process; undefined when that has ended, or is on another machine. */
  readonly pid: number | undefined;
  /** Absolute paths in it where secrets are. */
  readonly secrets: readonly string[];
  /** Processes in its cgroup. */
  readonly processes: readonly number[];
  /** The last lines that it wrote, oldest first. */
  readonly log: readonly string[];
  /** Transcripts of the sessions of people in it: absolute paths. */
  readonly transcripts: readonly string[];
  /** What else its platform says of it, as files of these names. Absent: nothing. */
  readonly documents?: readonly { readonly name: string; readonly text: string }[];
  /** What could not be read, each with the reason. Absent: nothing. */
  readonly missing?: readonly string[];
}

/** Keeps evidence; `src/drift` implements it, the composition root hands it in. */
export interface EvidenceKeeper {
  /** Resolves to the digest that names it. Repeating it keeps it again. */
  keep(exhibit: Exhibit, call: Call): Promise<string>;
}
