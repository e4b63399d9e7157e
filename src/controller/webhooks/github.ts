import { z } from "zod";
import type { KilnEvent } from "../../domain/event.ts";
import { serviceOf } from "../../domain/ids.ts";
import { environmentOf } from "../../domain/spec/network.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Answered, HttpCall } from "./post.ts";

/** A repository on GitHub, and what is sent to it. */
export interface GitHubRepository {
  /** `https://api.github.com/repos/OWNER/REPOSITORY`. */
  readonly url: string;
  /** With the `Authorization` of someone who may write deployments. */
  readonly headers: Readonly<Record<string, string>>;
  readonly send: (call: HttpCall) => Promise<Answered>;
}

/** What an event means for the repository on GitHub. */
interface Told {
  /** Names the rollout, so that later events find its deployment. */
  readonly task: string;
  readonly environment: string;
  readonly state: "in_progress" | "success" | "failure";
  readonly description: string;
  /** Of a rollout that begins: the commit that it brings. */
  readonly commit: string | undefined;
}

const states: Readonly<Record<string, Told["state"]>> = {
  "rollout.started": "in_progress",
  "rollout.completed": "success",
  "rollout.rolled-back": "failure",
  "rollout.failed": "failure",
};

const began = z.object({
  rollout: z.number(),
  origin: z.object({ commit: z.string().optional() }).optional(),
});

/** GitHub takes 140 characters ("REST API endpoints for deployment statuses"). */
const mostDescription = 140;

/** Undefined for an event that is not about a rollout. Pure. */
export function toldToGitHub(event: KilnEvent, installation: string): Told | undefined {
  const state = Object.hasOwn(states, event.kind) ? states[event.kind] : undefined;
  const { data } = began.safeParse(event.data);
  const { service, message } = event;
  if (state === undefined || data === undefined || service === undefined) return undefined;
  return {
    ...{ task: `kiln/${installation}/rollout/${data.rollout}`, state },
    environment: environmentOf(service) ?? serviceOf(service),
    description: message.slice(0, mostDescription),
    commit: data.origin?.commit,
  };
}

const deployment = z.object({ id: z.number() });

/**
 * Makes a deployment of the commit when a rollout begins, and tells what became of it. GitHub keeps which deployment belongs to which rollout, so
 * an event that is sent again makes no second one. A rollout without a commit, or with one that GitHub does not have, is left out. Throws
 * `webhook_failed`.
 */
export async function tellGitHub(repository: GitHubRepository, told: Told): Promise<void> {
  const { task, environment, state, description } = told;
  const id = (await find(repository, { task, environment })) ?? (await create(repository, told));
  if (id === undefined) return;
  const path = `/deployments/${id}/statuses`;
  await ask(repository, "POST", path, { state, description, environment });
}

/** Asks for something that changes nothing, with what deployments need. Throws `webhook_failed`. */
export async function checkGitHub(repository: GitHubRepository): Promise<void> {
  await find(repository, {});
}

async function find(repository: GitHubRepository, named: Readonly<Record<string, string>>) {
  const query = new URLSearchParams({ ...named, per_page: "1" });
  const { said } = await ask(repository, "GET", `/deployments?${query}`);
  return parsed(z.array(deployment), said)[0]?.id;
}

/** `auto_merge` would change the branch, and `required_contexts` refuse what is deployed already. */
async function create(repository: GitHubRepository, told: Told): Promise<number | undefined> {
  const { commit, task, environment, description } = told;
  if (commit === undefined) return undefined;
  const wanted = { ref: commit, task, environment, description, auto_merge: false, required_contexts: [] };
  const { status, said } = await ask(repository, "POST", "/deployments", wanted, [422]);
  return status === 422 ? undefined : parsed(deployment, said).id;
}

/** REST API version 2022-11-28. */
function ask(
  { url, headers, send }: GitHubRepository,
  method: HttpCall["method"],
  path: string,
  body?: object,
  accepts: readonly number[] = [],
): Promise<Answered> {
  const own = { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" };
  const type = { "content-type": "application/json; charset=utf-8" };
  return send({
    ...{ method, url: url.replace(/\/+$/, "") + path, accepts },
    headers: { ...own, ...(body === undefined ? {} : type) },
    secretHeaders: headers,
    body: body === undefined ? "" : JSON.stringify(body),
  });
}

function parsed<Value>(schema: z.ZodType<Value>, said: string): Value {
  try {
    return schema.parse(JSON.parse(said));
  } catch (cause) {
    throw new KilnError("webhook_failed", "The receiver does not answer as GitHub does.", {
      hint: "Expected https://api.github.com/repos/OWNER/REPOSITORY; remove the webhook and add it again.",
      cause,
    });
  }
}
