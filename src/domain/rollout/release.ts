import type { ImageDigest, ServiceKey } from "../ids.ts";
import type { Admission } from "../policy/admission.ts";
import type { JobSpec, ScheduleSpec } from "../spec/job-spec.ts";
import type { NetworkSpec } from "../spec/network.ts";
import type { HealthSpec, SecretSpec, ServerShape } from "../spec/server-shape.ts";
import type { TrafficSpec } from "../spec/traffic-spec.ts";

/** What a release freezes. Two drafts that are equal make no new release. */
export interface ReleaseDraft {
  readonly image: ImageDigest;
  /** The image's version label. */
  readonly version: string;
  readonly shape: ServerShape;
  readonly health: HealthSpec;
  readonly traffic: TrafficSpec | undefined;
  /** With the versions that servers of this release get, for as long as it is kept. */
  readonly secrets: readonly ReleaseSecret[];
  readonly files: readonly ReleaseFile[];
  readonly jobs: readonly JobSpec[];
  /** Absent: none. */
  readonly schedules?: readonly ScheduleSpec[] | undefined;
  /** Absent: all services of the same environment reach it. */
  readonly network?: NetworkSpec | undefined;
}

export interface ReleaseSecret extends SecretSpec {
  /** From 1 within its service and name; never given twice. */
  readonly version: number;
}

/** A configuration file. The store keeps its content for as long as a kept release names it. */
export interface ReleaseFile {
  /** Absolute path in every server. */
  readonly to: string;
  /** Permission bits. */
  readonly mode: number;
  /** `sha256:<64 hex digits>` of its content. */
  readonly digest: string;
}

/** Numbered from 1 within its service, and frozen. */
export interface Release extends ReleaseDraft {
  readonly service: ServiceKey;
  readonly number: number;
  readonly createdAtMs: number;
  readonly createdBy: string;
  /** What image policies said when servers of it were last asked for. Absent: there were none. */
  readonly admission?: Admission | undefined;
}

/** That someone keeps a release, however old it becomes. */
export interface KeptRelease {
  readonly atMs: number;
  readonly by: string;
  readonly reason: string | undefined;
}

/** What a deploy asks for: which secrets rather than which versions of them, and files with their content. */
export interface WantedRelease extends Omit<ReleaseDraft, "secrets" | "files"> {
  readonly secrets: readonly SecretSpec[];
  readonly files: readonly ConfigFile[];
}

/** All of it that is known before its image is built. */
export type UnbuiltRelease = Omit<WantedRelease, "image" | "version">;

export interface ConfigFile {
  /** Absolute path in every server. */
  readonly to: string;
  /** Permission bits. */
  readonly mode: number;
  /** Its bytes, as base64 (RFC 4648 section 4). */
  readonly content: string;
}

/** The draft that a release was made from. */
export function draftOf(release: ReleaseDraft): ReleaseDraft {
  const { image, version, shape, health, traffic, secrets, files, jobs, schedules, network } = release;
  return {
    ...{ image, version, shape, health, traffic, secrets, files, jobs },
    ...(schedules === undefined ? {} : { schedules }),
    ...(network === undefined ? {} : { network }),
  };
}
