import type { ContractEntry } from "../entry.ts";

/** The part of the table about the controller itself. */
export const controllerTable = {
  info: {
    method: "GET",
    path: "/v1/controller",
    needs: "self",
    summary: "The controller itself.",
    asks: "Nothing",
    answers: "ControllerStatus",
  },
  shutdown: {
    method: "POST",
    path: "/v1/controller/shutdown",
    needs: "local",
    summary: "Stops the controller; servers and router keep running.",
    asks: "Because",
  },
} as const satisfies Record<string, ContractEntry>;
