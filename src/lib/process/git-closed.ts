/**
 * git(1) for repositories that anyone may have written: their configuration, hooks, attributes and monitors run nothing, and no transport is
 * used that the caller has not named. git-config(1), git(1) "ENVIRONMENT VARIABLES".
 */
const closedSettings: readonly string[] = [
  "safe.bareRepository=explicit",
  ...["core.fsmonitor=false", "core.hooksPath=/dev/null", "core.excludesFile=/dev/null"],
  ...["core.attributesFile=/dev/null", "protocol.allow=never"],
];

export const closedEnvironment: Readonly<Record<string, string>> = {
  ...{ GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_SYSTEM: "/dev/null", GIT_CONFIG_GLOBAL: "/dev/null" },
  ...{ GIT_ALLOW_PROTOCOL: "none", GIT_NO_LAZY_FETCH: "1", GIT_NO_REPLACE_OBJECTS: "1" },
  ...{ GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0" },
};

/** The program and its options before the command. */
export function closedGit(
  folder: string,
  settings: readonly string[] = [],
): readonly ["git", ...(readonly string[])] {
  const given = [...closedSettings, ...settings].flatMap((setting) => ["-c", setting]);
  return ["git", "--no-pager", "-C", folder, ...given];
}
