import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import type { ClusterAccess } from "./kubeconfig.ts";

/** What a cluster puts into every pod that has a service account: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

type Env = Readonly<Record<string, string | undefined>>;

/** Its change means that everything has to be read again; the token is read by itself, because it changes every hour. */
export function authorityFile(folder = accountFolder): string {
  return join(folder, "ca.crt");
}

/** The API server of the cluster that this process runs in, asked as the pod's service account. Throws `target_invalid` where there is none. */
export function serviceAccount(env: Env = process.env, folder = accountFolder): ClusterAccess {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = env;
  if (host === undefined) {
    throw new KilnError(
      "target_invalid",
      "The target names no kubeconfig, and this controller does not run in a cluster.",
      { hint: "Give it one: `kiln target add NAME --platform kubernetes --option kubeconfig=PATH`." },
    );
  }
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    authority: required(authorityFile(folder)),
    serverName: undefined,
    insecure: false,
    namespace: required(join(folder, "namespace")).toString().trim(),
    user: {
      ...{ certificate: undefined, key: undefined, token: undefined, exec: undefined },
      tokenFile: join(folder, "token"),
    },
  };
}

function required(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new KilnError("target_invalid", `The pod of this controller has no ${path}.`, {
      hint: "Its pod needs a service account's token; `kiln install kubernetes` prints manifests that have it.",
      cause,
    });
  }
}
