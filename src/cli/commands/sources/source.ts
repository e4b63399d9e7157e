import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { shortCommit } from "../../../domain/source.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client, SourceStatus } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { keyOf } from "../../project.ts";
import { sourceFacts, sourceLines } from "./source-text.ts";

interface WhichOptions {
  readonly env?: string;
  readonly reason?: string;
}

interface AddOptions extends WhichOptions {
  readonly git: string;
  readonly branch: string;
  readonly path: string;
  readonly interval: number;
  readonly credentials?: string;
  readonly knownHosts?: string;
  readonly verify?: string;
}

export async function list(context: Context): Outcome {
  const sources = await (await context.connect()).sources();
  const none = ["No service follows a git repository. `kiln source add SERVICE --git URL` lets one do so."];
  const lines = sourceLines(sources, context.clock.now(), context.output.style);
  context.output.result(sources, sources.length === 0 ? none : lines);
  return 0;
}

export async function show(context: Context, { env }: WhichOptions, name: string): Outcome {
  const source = await (await context.connect()).source({ service: keyOf(name, env) });
  context.output.result(source, sourceFacts(source, context.clock.now(), context.output.style));
  return 0;
}

export async function add(context: Context, options: AddOptions, name: string): Outcome {
  const { git, branch, interval, credentials, knownHosts, verify, reason } = options;
  const service = keyOf(name, options.env);
  const client = await context.connect();
  await client.addSource({
    ...{ service, url: git, branch, path: plainPath(options.path), intervalMs: interval, reason },
    ...{ credentials, knownHosts },
    ...(verify === undefined ? {} : { allowedSigners: await readSigners(context, verify) }),
  });
  context.output.result(await client.source({ service }), [
    `${service} follows ${branch} of ${git} from now on.`,
    `  \`kiln source sync ${service}\` waits for the first look, \`kiln source show ${service}\` shows what came of it.`,
  ]);
  return 0;
}

/** `./deploy/` is `deploy`. */
function plainPath(path: string): string {
  return path.replace(/^(\.\/+)+/, "").replace(/\/+$/, "") || ".";
}

async function readSigners({ cwd }: Context, path: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, path), "utf8");
  } catch (cause) {
    throw new KilnError(
      "file_unreadable",
      `The file of allowed signers ${path} cannot be read: ${String(cause)}`,
      {
        hint: "Expected a file as ssh-keygen(1) describes it under ALLOWED SIGNERS: a line `ada@example.com ssh-ed25519 AAAA...` for each key.",
        cause,
      },
    );
  }
}

const pollMs = 250;

export async function sync(
  context: Context,
  { env, reason, force = false, wait }: WhichOptions & { readonly force?: boolean; readonly wait: boolean },
  name: string,
): Outcome {
  const service = keyOf(name, env);
  const client = await context.connect();
  await client.syncSource({ service, force, reason });
  if (!wait) {
    context.output.result({ service }, [`The controller looks at the repository of ${service} now.`]);
    return 0;
  }
  const source = await untilLooked(context, client, service);
  const { failing, head, deployed, branch } = source;
  if (failing !== undefined) {
    context.output.result(source, sourceFacts(source, context.clock.now(), context.output.style));
    return 1;
  }
  const at = `commit ${shortCommit(deployed?.commit ?? head?.id ?? "")} of ${branch}`;
  const rollout = deployed?.rollout === undefined ? "" : `, rollout ${deployed.rollout}`;
  context.output.result(source, [
    `${service} is at ${at}: release ${deployed?.release ?? "-"}${rollout}.`,
    `  \`kiln rollout show ${service}\` shows how far it is.`,
  ]);
  return 0;
}

async function untilLooked(
  { clock, signal }: Context,
  client: Client,
  service: string,
): Promise<SourceStatus> {
  for (;;) {
    const source = await client.source({ service });
    if (!source.looking) return source;
    await clock.sleep(pollMs, signal);
  }
}

export async function hold(context: Context, { env, reason }: WhichOptions, name: string): Outcome {
  const service = keyOf(name, env);
  await (await context.connect()).holdSource({ service, reason });
  context.output.result({ service }, [
    `Nothing is deployed to ${service} from its repository until \`kiln source resume ${service}\`.`,
  ]);
  return 0;
}

export async function resume(context: Context, { env, reason }: WhichOptions, name: string): Outcome {
  const service = keyOf(name, env);
  const client = await context.connect();
  await client.resumeSource({ service, reason });
  const source = await client.source({ service });
  const { deployed, head, branch } = source;
  const same =
    deployed !== undefined && deployed.commit === head?.id
      ? [
          `  Commit ${shortCommit(deployed.commit)} was deployed before and is not deployed again: the next commit of ${branch} is.`,
          `  \`kiln source sync ${service} --force\` deploys it again now.`,
        ]
      : [];
  context.output.result(source, [`${service} follows its repository again.`, ...same]);
  return 0;
}

export async function remove(context: Context, { env, reason }: WhichOptions, name: string): Outcome {
  const service = keyOf(name, env);
  await (await context.connect()).removeSource({ service, reason });
  context.output.result({ service }, [`${service} no longer follows a repository; what serves stays.`]);
  return 0;
}
