import { fileURLToPath } from "node:url";

type Env = Readonly<Record<string, string | undefined>>;

/** The composition root, relative to this file. */
const entry = fileURLToPath(new URL("../../main.ts", import.meta.url));

/**
 * Memory before speed: a controller that waits for weeks would keep what one rollout took. The young generation, in
 * MiB, is 16 three times over if nothing is said. Together they halve what it holds after deploying 100 servers.
 */
const memoryFlags = ["--max-semi-space-size=2", "--optimize-for-size"];

/** How the controller's program is started: `argv[0]` is this very Node.js. */
export function controllerArgv(...args: readonly string[]): readonly [string, ...string[]] {
  return [process.execPath, "--disable-warning=ExperimentalWarning", ...memoryFlags, entry, ...args];
}

/**
 * The controller's environment: what it and the tools that it runs need, and nothing else of the user's. A daemon
 * that lives for months shall not carry somebody's tokens around.
 */
export function controllerEnv(env: Env, home: string): Record<string, string> {
  const kept = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "NODE_COMPILE_CACHE"];
  const own = Object.fromEntries(kept.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
  return { ...own, PATH: withSystemTools(env.PATH), KILN_HOME: home };
}

/** Debian keeps runc, haproxy and iproute2's relatives in sbin, which a user's PATH may lack. */
function withSystemTools(path: string | undefined): string {
  const folders = (path ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return [...new Set([...folders, "/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"])].join(":");
}
