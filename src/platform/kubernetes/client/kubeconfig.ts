import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { KilnError, toKilnError } from "../../../lib/errors.ts";

const text = z.string().min(1);

const clusterSchema = z.object({
  server: z.url({ protocol: /^https?$/ }),
  "certificate-authority": text.optional(),
  "certificate-authority-data": text.optional(),
  "insecure-skip-tls-verify": z.boolean().optional(),
  "tls-server-name": text.optional(),
  "proxy-url": text.optional(),
});

const execSchema = z.object({
  apiVersion: z.enum(["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]),
  command: text,
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: text, value: z.string() })).nullish(),
  provideClusterInfo: z.boolean().optional(),
});

const userSchema = z.object({
  "client-certificate": text.optional(),
  "client-certificate-data": text.optional(),
  "client-key": text.optional(),
  "client-key-data": text.optional(),
  token: text.optional(),
  tokenFile: text.optional(),
  username: text.optional(),
  exec: execSchema.nullish(),
  "auth-provider": z.object({ name: z.string() }).nullish(),
});

/** What `kubectl config` writes: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
const fileSchema = z.object({
  "current-context": z.string().optional(),
  contexts: z
    .array(
      z.object({
        name: z.string(),
        context: z.object({ cluster: text, user: z.string(), namespace: text.optional() }),
      }),
    )
    .nullish(),
  clusters: z.array(z.object({ name: z.string(), cluster: clusterSchema })).nullish(),
  users: z.array(z.object({ name: z.string(), user: userSchema })).nullish(),
});

/** Where an API server is and who asks it, as one context of a kubeconfig says. */
export interface ClusterAccess {
  /** Without a slash at the end. */
  readonly server: string;
  /** PEM. Absent: the authorities that Node.js knows. */
  readonly authority: Buffer | undefined;
  /** The name that its certificate has, where that is not the server's. */
  readonly serverName: string | undefined;
  readonly insecure: boolean;
  readonly user: User;
  /** Of the context. */
  readonly namespace: string | undefined;
}

export interface User {
  /** PEM. */
  readonly certificate: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly token: string | undefined;
  /** Absolute path; its content changes from time to time. */
  readonly tokenFile: string | undefined;
  /** A command that gives the credentials. */
  readonly exec: ExecPlugin | undefined;
}

export interface ExecPlugin {
  readonly apiVersion: string;
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** Throws `target_invalid` with what is wrong in the file. `context`: undefined for the current one. */
export function readKubeconfig(path: string, context: string | undefined): ClusterAccess {
  const at = (problem: string, hint: string) =>
    new KilnError("target_invalid", `The kubeconfig ${path} ${problem}.`, { hint });
  const file = fileSchema.safeParse(load(path));
  if (!file.success)
    throw at(
      `is not valid: ${z.prettifyError(file.error).replaceAll("\n", " ")}`,
      "Compare it with what `kubectl config view` shows.",
    );
  const { contexts, clusters, users } = file.data;
  const wanted = context ?? file.data["current-context"] ?? "";
  const found = contexts?.find(({ name }) => name === wanted)?.context;
  if (found === undefined) {
    const names = contexts?.map(({ name }) => name).join(", ") || "none";
    throw at(
      wanted === "" ? "has no current context" : `has no context ${wanted}`,
      `Its contexts: ${names}. Name one with the target's option \`context\`.`,
    );
  }
  const cluster = clusters?.find(({ name }) => name === found.cluster)?.cluster;
  if (cluster === undefined)
    throw at(`has no cluster ${found.cluster}`, "Correct the context, or add the cluster.");
  if (cluster["proxy-url"] !== undefined)
    throw at(
      "names a proxy (`proxy-url`), which Kiln does not support",
      "Give the target a kubeconfig that reaches the API server directly.",
    );
  const user = users?.find(({ name }) => name === found.user)?.user ?? {};
  const refused = user["auth-provider"]
    ? "auth-provider"
    : user.username === undefined
      ? undefined
      : "username";
  if (refused !== undefined)
    throw at(
      `authenticates by \`${refused}\`, which Kubernetes itself no longer supports`,
      "Use a client certificate, a token or an exec plugin.",
    );
  const folder = dirname(path);
  return {
    server: cluster.server.replace(/\/+$/, ""),
    authority: pem(cluster["certificate-authority-data"], cluster["certificate-authority"], folder),
    serverName: cluster["tls-server-name"],
    insecure: cluster["insecure-skip-tls-verify"] ?? false,
    namespace: found.namespace,
    user: {
      certificate: pem(user["client-certificate-data"], user["client-certificate"], folder),
      key: pem(user["client-key-data"], user["client-key"], folder),
      token: user.token,
      tokenFile: user.tokenFile === undefined ? undefined : resolve(folder, user.tokenFile),
      exec: user.exec ? pluginOf(user.exec, folder) : undefined,
    },
  };
}

function load(path: string): unknown {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const { message } = toKilnError(cause);
    throw new KilnError("target_invalid", `The kubeconfig ${path} cannot be read: ${message}`, {
      hint: "Correct the target's option `kubeconfig`; the controller must be allowed to read the file.",
      cause,
    });
  }
}

/** Paths are relative to the folder of the file. */
function pem(data: string | undefined, path: string | undefined, folder: string): Buffer | undefined {
  if (data !== undefined) return Buffer.from(data, "base64");
  if (path === undefined) return undefined;
  const file = resolve(folder, path);
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new KilnError("target_invalid", `${file}, which the kubeconfig names, cannot be read.`, {
      hint: "Put the file there, or write its content into the kubeconfig: `kubectl config view --flatten`.",
      cause,
    });
  }
}

/** A command with a slash is relative to the folder of the file, another one is looked up in PATH. */
function pluginOf(
  { apiVersion, command, args, env }: z.output<typeof execSchema>,
  folder: string,
): ExecPlugin {
  const program = command.includes("/") ? resolve(folder, command) : command;
  return {
    apiVersion,
    argv: [program, ...(args ?? [])],
    env: Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
  };
}
