import type { Source } from "./source.ts";

export const scratch: Source<{ readonly kind: "scratch" }> = {
  pattern: "scratch",
  parse: () => ({ kind: "scratch" }),
  hint: () => undefined,
  bringsCommand: false,
  takesPackages: false,
  runsSteps: false,
  open: async () => ({ identity: "scratch", process: {}, layers: [] }),
};
