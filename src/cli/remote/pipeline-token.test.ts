import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keepPipelineToken, readPipelineToken } from "./pipeline-token.ts";

function aConfig() {
  const folder = mkdtempSync("/tmp/kiln-config-");
  return {
    env: { XDG_CONFIG_HOME: folder },
    tokens: join(folder, "kiln/pipelines"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

const kept = { token: "kiln_ci_secret", expiresAtMs: 5 };

test("commands of one job find what the first one got, and commands of another job do not", () => {
  using config = aConfig();
  expect(readPipelineToken(config.env, "a.b.c")).toBeUndefined();
  keepPipelineToken(config.env, "a.b.c", kept);
  expect(readPipelineToken(config.env, "a.b.c")).toEqual(kept);
  expect(readPipelineToken(config.env, "a.b.d")).toBeUndefined();
  const [name = ""] = readdirSync(config.tokens);
  expect(statSync(join(config.tokens, name)).mode & 0o777).toBe(0o600);
});

test("files of jobs that are long over are removed", () => {
  using config = aConfig();
  mkdirSync(config.tokens, { recursive: true });
  const old = join(config.tokens, "old.json");
  writeFileSync(old, "{}");
  utimesSync(old, 1, 1);
  keepPipelineToken(config.env, "a.b.c", kept);
  keepPipelineToken(config.env, "a.b.d", kept);
  expect(readdirSync(config.tokens)).toHaveLength(2);
});
