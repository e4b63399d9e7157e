/** What every call carries: when to give up. */
export interface Call {
  readonly signal: AbortSignal;
  /** Unix time in ms. */
  readonly deadline: number;
}
