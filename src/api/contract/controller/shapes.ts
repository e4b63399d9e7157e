import { z } from "zod";
import { amount, atMs } from "../../../domain/schema/values.ts";

const ControllerStatus = z.object({
  pid: z.number().int(),
  version: z.string(),
  home: z.string(),
  installation: z.string().describe("Names this installation among others."),
  startedAtMs: atMs,
  services: amount,
  servers: amount,
});

/** What the operations answer. */
export const controllerAnswers = { ControllerStatus };
