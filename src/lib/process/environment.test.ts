import { globSync, readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { cleanEnvironment, proxiesOf } from "./environment.ts";
import { exec } from "./exec.ts";

afterEach(() => vi.unstubAllEnvs());

/** Variables with which a caller would have programs run or load code of its choice. */
const traps = {
  PATH: "/nowhere",
  TMPDIR: "/nowhere",
  LD_PRELOAD: "/nowhere/evil.so",
  NODE_OPTIONS: "--require=/nowhere/evil.js",
  NODE_COMPILE_CACHE: "/nowhere",
  GIT_DIR: "/nowhere",
  BASH_ENV: "/nowhere/evil.sh",
  PERL5LIB: "/nowhere",
  PYTHONPATH: "/nowhere",
  APT_CONFIG: "/nowhere/apt.conf",
};

test("a program gets none of the caller's environment, and runs outside of the caller's folder", async () => {
  for (const [name, value] of Object.entries(traps)) vi.stubEnv(name, value);
  const { stdout } = await exec(["env", "-0"], { env: { LC_ALL: "C" } });
  const found = Object.fromEntries(stdout.split("\0").map((line) => line.split(/=(.*)/s).slice(0, 2)));
  delete found[""];
  expect(found).toEqual({ ...cleanEnvironment, LC_ALL: "C" });
  expect((await exec(["pwd"])).stdout).toBe("/\n");
});

test("the proxies for apt are the exception", () => {
  expect(proxiesOf({ http_proxy: "http://proxy:3128", no_proxy: "", LD_PRELOAD: "/evil.so" })).toEqual({
    http_proxy: "http://proxy:3128",
  });
});

test("every process that Kiln starts is given its environment", () => {
  const files = globSync("src/**/*.ts").filter(
    (file) => !/test|fixtures|child-backend|installation|own-namespaces/.test(file),
  );
  const starts = files.flatMap((file) => {
    const text = readFileSync(file, "utf8");
    return [...text.matchAll(/\b(spawn|fork|execFile|spawnSync)\((?:[^()]|\([^()]*\))*\)/g)].map(
      ([call]) => `${file}: ${call}`,
    );
  });
  expect(starts.length).toBeGreaterThan(8);
  expect(starts.filter((call) => !/\benv[,:] ?|\.\.\.world/.test(call))).toEqual([]);
});
