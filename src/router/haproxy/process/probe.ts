import { KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { RouterOptions, RouterReadiness } from "../../router.ts";

/** Dynamic servers with health checks, `http-error` in defaults and `fd-hard-limit` came with this one. */
const oldest = { major: 2, minor: 6 };
const remedy = "Install HAProxy 2.6 or newer: apt-get install haproxy.";

/** Whether HAProxy is here and new enough. */
export async function probeHaproxy({ signal }: RouterOptions): Promise<RouterReadiness> {
  try {
    const { stdout } = await exec(["haproxy", "-v"], { signal, timeoutMs: 10_000 });
    return readinessOf(stdout);
  } catch (error) {
    if (!(error instanceof KilnError) || error.code === "cancelled") throw error;
    return { facts: [], problems: [{ what: error.message, remedy }] };
  }
}

/** From the words of `haproxy -v`. */
export function readinessOf(versionText: string): RouterReadiness {
  const match = /version (\d+)\.(\d+)(\.\d+)?/.exec(versionText);
  if (!match) return { facts: [], problems: [{ what: "`haproxy -v` prints no version.", remedy }] };
  const [, major, minor, patch = ""] = match;
  const version = `HAProxy ${major}.${minor}${patch}`;
  const newEnough =
    Number(major) > oldest.major || (Number(major) === oldest.major && Number(minor) >= oldest.minor);
  const problems = newEnough
    ? []
    : [{ what: `${version} is older than ${oldest.major}.${oldest.minor}.`, remedy }];
  return { facts: [version], problems };
}
