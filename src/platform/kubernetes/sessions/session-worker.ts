import { readFileSync, rmSync } from "node:fs";
import { runSession } from "../../linux/sessions/session-program.ts";
import { clusterSessionSchema, startCommand } from "./session.ts";

/** The program of a session: its argument is the path of the order, which holds credentials. */
const path: string = JSON.parse(process.argv[2] ?? "");
const order = clusterSessionSchema.parse(JSON.parse(readFileSync(path, "utf8")));
rmSync(path);
await runSession(order.terminal, (ends) => startCommand(order, ends));
