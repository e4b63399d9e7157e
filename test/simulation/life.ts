/** Thrown into a controller that is dead: nothing that follows has an effect. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/**
 * One controller's life, from its start to its end. Each thing that it does to the world outside is a beat; it can be
 * killed at any of them, which is at any await and after any change.
 */
export class Life {
  readonly number: number;
  /** Fires when what the controller had begun ends with it. */
  readonly #cut = new AbortController();
  readonly #died: (where: string) => void;
  #beatsLeft = Number.POSITIVE_INFINITY;
  #over = false;
  /** Whether calls that were under way when it was killed go on to take effect. */
  orphansGoOn = false;

  constructor(number: number, died: (where: string) => void) {
    this.number = number;
    this.#died = died;
  }

  get isOver(): boolean {
    return this.#over;
  }

  get cut(): AbortSignal {
    return this.#cut.signal;
  }

  /** It is killed at the `beats`th beat from now. */
  killAt(beats: number, orphansGoOn: boolean): void {
    this.#beatsLeft = beats;
    this.orphansGoOn = orphansGoOn;
  }

  /** It is not killed any more. */
  spare(): void {
    this.#beatsLeft = Number.POSITIVE_INFINITY;
  }

  /** True when this was the last one, or came after it. */
  beat(where: string): boolean {
    if (!this.#over && --this.#beatsLeft <= 0) this.kill(where);
    return this.#over;
  }

  /** What it had begun and goes on after its end, ends now. */
  cutOff(): void {
    this.orphansGoOn = false;
    this.#cut.abort();
  }

  kill(where: string): void {
    if (this.#over) return;
    this.#over = true;
    if (!this.orphansGoOn) this.#cut.abort();
    this.#died(where);
  }

  assertAlive(): void {
    if (this.#over) throw new Killed("this controller was killed");
  }

  /** What a call answers to a dead controller. */
  never<T>(): Promise<T> {
    return new Promise(() => {});
  }
}
