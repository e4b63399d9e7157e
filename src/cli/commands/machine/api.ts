import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { askPlainly } from "../../../api/client/client.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { readValue } from "../../input/read-value.ts";
import { whoAmI } from "../../people.ts";

interface Options {
  readonly input?: string;
}

/** One request to the controller, as it is given; with its errors and their exit codes. */
export async function run(context: Context, { input }: Options, method: string, path: string): Outcome {
  const { env, output, signal, state } = context;
  if (!path.startsWith("/"))
    throw new KilnError("usage", `PATH is ${path}; expected one that begins with /, such as /v1/services.`);
  if (!/^[!-~]+$/.test(path))
    throw new KilnError("usage", "PATH has a character that a URL cannot have, such as a space.", {
      hint: `Write it as ${encodeURI(path.toWellFormed())}`,
    });
  if (method === "GET" && input !== undefined)
    throw new KilnError("usage", "A GET sends nothing.", {
      hint: "What it asks for is in the query: PATH?NAME=VALUE.",
    });
  const body = input === undefined ? undefined : await textOf(context, input);
  await context.connect();
  const endpoint = (await context.remote()) ?? { socketPath: state.controllerSocket };
  const request = { method, path, body: method === "POST" ? (body ?? "{}") : undefined, signal };
  try {
    for await (const piece of askPlainly(endpoint, { ...request, stated: whoAmI(env) })) output.raw(piece);
  } catch (error) {
    if (!signal.aborted) throw error; // Ctrl-C is how a stream ends
  }
  return 0;
}

async function textOf({ cwd, stdin, output }: Context, input: string): Promise<string> {
  if (input !== "-") return readFile(resolve(cwd, input), "utf8").catch(unreadable);
  const how = { keepNewline: false, prompt: (text: string) => output.prompt(text), what: "the JSON to send" };
  return (await readValue(stdin(), how)).toString();
}

function unreadable(cause: Error): never {
  throw new KilnError("usage", `The input cannot be read: ${cause.message}.`, { cause });
}
