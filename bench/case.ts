import type { Figure } from "./figure.ts";
import type { Workshop } from "./workshop.ts";

/** One benchmark: it sets up what it needs, measures, and leaves nothing. */
export interface Case {
  readonly name: string;
  /** What is measured, in a few words. */
  readonly about: string;
  run(workshop: Workshop): Promise<readonly Figure[]>;
}
