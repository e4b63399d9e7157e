/** Ends the script, or a shell of its own. */
export class ShellExit {
  readonly status: number;
  constructor(status: number) {
    this.status = status;
  }
}

/** Ends a function. */
export class Return extends ShellExit {}

/** Ends a round of a loop, and the loop when it is `ended`. */
export class Break {
  readonly ended: boolean;
  constructor(ended: boolean) {
    this.ended = ended;
  }
}
