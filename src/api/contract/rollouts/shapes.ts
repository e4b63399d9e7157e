import { z } from "zod";
import { rollout } from "../../../domain/schema/rollout.ts";
import { wholeNumber } from "../common.ts";

const OneRollout = z.strictObject({ id: wholeNumber });

/** What the operations are asked with. */
export const rolloutsAsks = { OneRollout };

/** What they answer. */
export const rolloutsAnswers = { Rollout: rollout };
