/** A stream as the CLI writes to it: `process.stdout`, or an array in a test. */
export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(piece: string | Uint8Array): unknown;
}
