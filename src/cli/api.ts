export type { Client } from "../api/contract/types.ts";
export type * from "../controller/operations.ts";
export type { KilnEvent } from "../domain/event.ts";
export type { Gap, LogLine, Readiness } from "../platform/platform.ts";
