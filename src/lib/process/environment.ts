type Env = Readonly<Record<string, string | undefined>>;

/** The search path for programs: only the system's own folders, not the caller's PATH. */
export const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The environment of every program that Kiln starts. It is built from nothing, never inherited: variables such as LD_PRELOAD, NODE_OPTIONS,
 * GIT_DIR, BASH_ENV or PERL5LIB make programs run other code, and Kiln runs them as root. Messages are in English, because
 * Kiln reads some of them.
 */
export const cleanEnvironment: Readonly<Record<string, string>> = {
  PATH: systemPath,
  HOME: "/nonexistent",
  LANG: "C.UTF-8",
  TZ: "UTC",
};

const proxyVariables = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy"];

/** The caller's proxies, as apt reads them: the one part of the caller's environment that a program gets. */
export function proxiesOf(env: Env): Record<string, string> {
  return Object.fromEntries(proxyVariables.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}
