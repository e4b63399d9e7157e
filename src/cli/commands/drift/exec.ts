import { PassThrough } from "node:stream";
import { KilnError } from "../../../lib/errors.ts";
import type { Client, ExecGrant } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { runRecorded } from "../../exec/run-recorded.ts";
import { openTranscript } from "../../exec/transcript.ts";
import { askReason } from "../../input/ask-reason.ts";

interface ExecOptions {
  readonly reason?: string;
}

/** Limit for each stream with `--json`. */
const mostBytes = 1024 ** 2;

export async function run(
  context: Context,
  options: ExecOptions,
  server: string,
  command: readonly string[],
): Outcome {
  const question = `Why is a session in ${server} needed?`;
  const reason = options.reason ?? (await askReason(context, question, noReason(server)));
  if (reason.trim() === "") throw noReason(server);
  const terminal = !context.output.json && isTerminal();
  const client = await context.connect();
  const grant = await client.exec({ server, command, reason: reason.trim(), terminal, pid: process.pid });
  context.output.note(toldFirst(server, grant));
  return withEnd(client, grant, () =>
    context.output.json ? tell(context, server, command, grant) : connect(context, command, grant, terminal),
  );
}

function toldFirst(server: string, { tainted }: ExecGrant): string {
  if (!tainted) return `This session in ${server} is recorded in the audit log.`;
  return `${server} is tainted and will be replaced. This session is recorded.`;
}

function isTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && process.stderr.isTTY === true;
}

/** If the controller does not answer, it notices by itself that this process has ended. */
async function withEnd(client: Client, { session }: ExecGrant, work: () => Promise<number>): Promise<number> {
  let exitCode = 255;
  try {
    exitCode = await work();
    return exitCode;
  } finally {
    await client.endExec({ session, exitCode }).catch(() => {});
  }
}

async function connect(
  { clock, signal }: Context,
  command: readonly string[],
  { argv, transcript: path }: ExecGrant,
  terminal: boolean,
): Promise<number> {
  const { columns: width = 80, rows: height = 24 } = process.stdout;
  using transcript = openTranscript(path, { command, width, height }, () => clock.now());
  return await runRecorded(argv, process, { terminal, transcript, signal }); // before the transcript is closed
}

/** What the command wrote, as one document. */
async function tell(
  { clock, signal, output }: Context,
  server: string,
  command: readonly string[],
  { argv, session, transcript: path }: ExecGrant,
): Promise<number> {
  using transcript = openTranscript(path, { command, width: 80, height: 24 }, () => clock.now());
  const [stdout, stderr] = [collector(), collector()];
  const streams = { stdin: process.stdin, stdout: stdout.stream, stderr: stderr.stream };
  const exitCode = await runRecorded(argv, streams, { terminal: false, transcript, signal });
  output.result({ server, session, exitCode, stdout: stdout.text(), stderr: stderr.text() }, []);
  return exitCode;
}

function collector() {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stream = new PassThrough().on("data", (chunk: Buffer) => {
    if (bytes < mostBytes) chunks.push(chunk);
    bytes += chunk.length;
  });
  return { stream, text: () => Buffer.concat(chunks).subarray(0, mostBytes).toString() };
}

function noReason(server: string): KilnError {
  return new KilnError("usage", `A session in ${server} needs a reason.`, {
    hint: "Give one with `--reason TEXT`; the log keeps it. The session taints the server, and Kiln replaces it.",
  });
}
