import { runSession } from "../../linux/sessions/session-program.ts";
import { dockerEngine } from "../engine/engine.ts";
import { dockerSessionSchema, startCommand } from "./session.ts";

/** The program of a session: its argument is the order. */
const order = dockerSessionSchema.parse(JSON.parse(process.argv[2] ?? ""));
await runSession(order.terminal, (ends) => startCommand(dockerEngine(order.socket), order, ends));
