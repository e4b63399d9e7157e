import type { Operations } from "../controller/operations.ts";

export type * from "../controller/operations.ts";
export type { KilnEvent } from "../domain/event.ts";
export type { Gap, LogLine, Readiness } from "../platform/platform.ts";

/** What a command asks a controller, over its socket. */
export type Client = Operations;
