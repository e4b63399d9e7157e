import { z } from "zod";
import { atMs } from "../../../domain/schema/values.ts";
import { flag, givenReason, reason, server, service, wholeNumber } from "../common.ts";

const Server = z.strictObject({ server });

const ChangeServer = Server.extend({ reason });

const Exec = z.strictObject({
  server,
  command: z.array(z.string().max(100_000)).min(1).max(1_000),
  reason: givenReason,
  terminal: z.boolean().describe("Whether the command gets a terminal; otherwise three pipes."),
  pid: z.number().int().min(1).describe("The process that runs it, and ends with the session."),
});

const EndExec = z.strictObject({ session: wholeNumber, exitCode: z.number().int().min(0).max(255) });

const since = wholeNumber.optional().describe("Only lines from then on (Unix time in ms).");

const grep = z
  .string()
  .min(1)
  .max(1_000)
  .optional()
  .describe("Only lines that contain this text; `tail` counts those.");

const Logs = z.strictObject({
  server,
  since,
  grep,
  tail: wholeNumber.optional().describe("Only this number of the last lines."),
  follow: flag.optional().describe("Continue with lines as they are written."),
});

const ServiceLogs = Logs.omit({ server: true }).extend({
  service,
  tail: wholeNumber.optional().describe("Only this number of the last lines of each server."),
});

const ExecGrant = z.object({
  session: z.number().int(),
  argv: z.array(z.string()).describe("The command to run on the server's machine."),
  transcript: z.string().describe("The file on that machine that takes the transcript."),
  tainted: z.boolean().describe("Whether the session taints the server."),
});

const Reproduced = z.object({
  id: z.string(),
  enter: z.string().describe("What runs a command in it, up to that command."),
});

const LogLine = z.object({
  atMs,
  stream: z.enum(["stdout", "stderr"]),
  text: z.string(),
});

const ServerLine = LogLine.extend({ server: z.string().describe("The server or job that wrote it.") });

const AccessLog = Logs.omit({ server: true }).extend({
  service,
  tail: wholeNumber.optional().describe("Only this number of the last requests."),
});

const AccessEntry = z.object({
  atMs,
  client: z.string().describe("IP address of the client, as the connection or trusted proxies tell it."),
  method: z.string(),
  host: z.string().describe("As the client wrote it, cut after 255 bytes."),
  path: z.string().describe("Without the query, cut after 1024 bytes."),
  status: z.number().int().optional().describe("Absent: the client left before the answer."),
  bytes: z.number().int().describe("Of the answer, with its head."),
  durationMs: z.number().int(),
  server: z.string().optional().describe("Absent: the router answered by itself."),
  release: z.number().int().optional().describe("The server's."),
  endedBy: z
    .enum(["client", "server", "timeout"])
    .optional()
    .describe("Who ended the request early; absent: no one."),
});

/** What the operations are asked with. */
export const serversAsks = { AccessLog, ChangeServer, EndExec, Exec, Logs, Server, ServiceLogs };

/** What they answer. */
export const serversAnswers = { AccessEntry, ExecGrant, LogLine, Reproduced, ServerLine };
