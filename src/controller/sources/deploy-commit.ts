import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { serviceOf } from "../../domain/ids.ts";
import { environmentOf } from "../../domain/spec/network.ts";
import { type Deployed, runDeploy } from "./deploy-process.ts";
import type { SourceDeployment } from "./follower.ts";

/** The controller's API, for the requests of one deploy. */
interface ServedApi {
  listen(options: { readonly path: string }): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface CommitDeploys {
  /** An API that takes every request as one of the commit. */
  readonly createApi: (deployment: SourceDeployment) => Promise<ServedApi>;
  /** How a command of the CLI is started. */
  readonly argv: (...args: readonly string[]) => readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** `kiln deploy` over a socket that is there for this deploy alone, and says of each request that it comes from this commit. */
export async function deployCommit(
  { createApi, argv, env }: CommitDeploys,
  deployment: SourceDeployment,
): Promise<Deployed> {
  const { service, project, folder, signal } = deployment;
  const socket = join(folder, "s");
  await rm(socket, { force: true });
  const api = await createApi(deployment);
  try {
    await api.listen({ path: socket });
    await chmod(socket, 0o600);
    const environment = environmentOf(service);
    const where = environment === undefined ? [] : ["--env", environment];
    const command = argv("deploy", serviceOf(service), ...where, "--no-wait", "--json");
    return await runDeploy({ argv: command, env: { ...env, KILN_CONTROLLER: socket }, cwd: project, signal });
  } finally {
    await api.close();
    await rm(socket, { force: true });
  }
}
