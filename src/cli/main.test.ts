import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { version } from "../lib/version.ts";

/** Prints how many modules were loaded, on standard error. */
const counting = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  let loaded = 0;
  registerHooks({ load: (url, context, next) => { loaded += 1; return next(url, context); } });
  process.on("exit", () => console.error(loaded));
`)}`;

const main = join(import.meta.dirname, "main.ts");

test.each(["--version", "-V"])(
  "%s loads next to nothing: it takes hardly longer than an empty Node.js",
  (option) => {
    const flags = ["--disable-warning=ExperimentalWarning", "--import", counting];
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, main, option], { encoding: "utf8" });
    expect(stdout).toBe(`${version}\n`);
    expect(Number(stderr)).toBeGreaterThan(0);
    expect(Number(stderr)).toBeLessThanOrEqual(3);
  },
);
