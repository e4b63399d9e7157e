import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Installation, kilnPath } from "./harness.ts";

/** A session of `kiln exec` in a terminal of 77 columns and 33 rows, whose shell runs this script. */
export function typeIn({ home }: Installation, server: string, script: string) {
  const quoted = `'${script.replaceAll("'", `'\\''`)}'`;
  const inner = `stty rows 33 cols 77; exec ${kilnPath} exec ${server} -r typing -- /bin/busybox sh -c ${quoted}`;
  const ran = spawn("script", ["-qec", inner, "/dev/null"], {
    env: { ...process.env, KILN_HOME: home, NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let heard = "";
  ran.stdout.on("data", (chunk) => (heard += chunk));
  return {
    stdin: ran.stdin,
    heard: () => heard.replaceAll("\r", ""),
    ended: once(ran, "close").then(([code]) => code),
  };
}
