import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { anApi, fakeOperations } from "../../../api/testing.ts";
import { cli } from "../../test-kit.ts";

test("names that a shell would run, split or take for options are not offered", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "kiln-completion-"));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  const names = ["staging", "$(touch x)", "a;b", "`id`", "a b", "a\nb", "--no-wait", "~", "a*"];
  const environments = Object.fromEntries(names.map((name) => [name, {}]));
  writeFileSync(join(cwd, "kiln.yaml"), JSON.stringify({ service: "shop", environments }));
  const offered = await cli(["completion", "bash", "--", "deploy", "--env", ""], { cwd });
  expect(offered).toMatchObject({ code: 0, stdout: "staging\n" });
});

test("where a service or a file may come, services are offered, and files where no service begins so", async () => {
  await using api = await anApi(fakeOperations().operations);
  const env = { KILN_CONTROLLER: api.socketPath };
  const offered = async (word: string) =>
    (await cli(["completion", "bash", "--", "deploy", word], { env })).stdout;
  expect(await offered("")).toContain("shop\n");
  expect(await offered("sh")).toBe("shop\n");
  expect(await offered("./first.p")).toBe(":files\n");
});
