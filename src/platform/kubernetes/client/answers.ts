import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { KilnError } from "../../../lib/errors.ts";
import { ApiRefusal, type ClusterRequest } from "./api.ts";

/** A server that is overloaded is asked again so often. */
export const mostTries = 5;
const longestPauseMs = 30_000;
/** Far more than a page of objects, or one object, has: etcd takes no object of more than 1.5 MiB. */
const longestAnswer = 64 << 20;

/** The part of the object `Status` that is used. */
export const statusSchema = z.object({ message: z.string().default(""), reason: z.string().default("") });

/** The whole body. */
export async function textOf({ path }: ClusterRequest, answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) {
    text += chunk;
    if (text.length > longestAnswer) throw misunderstood(path, new Error("It is too long."));
  }
  return text;
}

/** JSON that the schema describes. */
export function parsed<T>(
  asked: Pick<ClusterRequest, "method" | "path">,
  text: string,
  schema: z.ZodType<T>,
): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw misunderstood(asked.path, cause);
  }
  return understood(asked.path, value, schema);
}

/** The value, as the schema describes it. Throws `server_failed`. */
export function understood<T>(path: string, value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw misunderstood(path, result.error);
}

function misunderstood(path: string, cause: unknown): KilnError {
  return new KilnError(
    "server_failed",
    `The answer of the cluster to ${path} is not what its API describes.`,
    {
      hint: "Check that the `server` of the kubeconfig is an API server of Kubernetes.",
      ...{ cause, retry: true },
    },
  );
}

/** Why the server refuses: a `Status` object, or whatever the body says. */
export function refusalOf(asked: ClusterRequest, status: number, text: string): ApiRefusal {
  try {
    const { reason, message } = statusSchema.parse(JSON.parse(text));
    return new ApiRefusal(asked, status, reason, message);
  } catch {
    return new ApiRefusal(asked, status, "", text.trim().slice(0, 500) || `status ${status}`);
  }
}

/** How long to wait before the same request is sent again; undefined: it is not. */
export function pauseAfter({ statusCode, headers }: IncomingMessage, tries: number): number | undefined {
  const asked = Number(headers["retry-after"]) * 1000;
  const may = statusCode === 429 || (statusCode === 503 && !Number.isNaN(asked));
  if (!may || tries >= mostTries) return undefined;
  return Math.min(longestPauseMs, Number.isNaN(asked) ? 500 * 2 ** tries : asked);
}
