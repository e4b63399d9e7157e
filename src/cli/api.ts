export type { Client } from "../api/contract/types.ts";
export type * from "../controller/operations.ts";
export type { KilnEvent } from "../domain/event.ts";
export type { AccessEntry } from "../domain/traffic/access-log.ts";
export type { Gap, Readiness } from "../platform/contract/readiness.ts";
export type { LogLine } from "../platform/contract/reading.ts";
