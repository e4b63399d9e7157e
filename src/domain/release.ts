import type { ImageDigest, ServiceKey } from "./ids.ts";
import type { HealthSpec, ServerShape, TrafficSpec } from "./spec.ts";

/** What a release freezes. Two drafts that are equal make no new release. */
export interface ReleaseDraft {
  readonly image: ImageDigest;
  /** The image's version label. */
  readonly version: string;
  readonly shape: ServerShape;
  readonly health: HealthSpec;
  readonly traffic: TrafficSpec | undefined;
}

/** Numbered from 1 within its service, and frozen. */
export interface Release extends ReleaseDraft {
  readonly service: ServiceKey;
  readonly number: number;
  readonly createdAtMs: number;
  readonly createdBy: string;
}
