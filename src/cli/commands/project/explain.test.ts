import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cli } from "../../test-kit.ts";

test("kiln explain says what a key means, and what the code of an error means", async () => {
  const key = await cli(["explain", "health.http"]);
  expect(key.stdout).toMatch(
    /^health\.http\n\nPath that must answer.*\n\n {2}form +text\n {2}default +none\n/,
  );
  const code = await cli(["explain", "port_taken", "--json"]);
  expect(JSON.parse(code.stdout)).toMatchObject({ code: "port_taken", exit: 3, http: 409 });
  expect(JSON.parse(code.stdout).meaning).toMatch(/^Another program listens/);
});

test("kiln explain helps with a word that it does not know", async () => {
  expect(await cli(["explain", "prot_taken"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("port_taken?"),
  });
  expect((await cli(["explain", "http"])).stderr).toMatch(/health\.http, .*analysis\.http/);
});

test.each(["constructor", "toString", "__proto__"])("kiln explain %s knows no such word", async (word) => {
  expect(await cli(["explain", word])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("not a key"),
  });
});

test("kiln validate names services and environments, or every problem of the file", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "kiln-validate-"));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  const file = (more: string) =>
    writeFileSync(join(cwd, "kiln.yaml"), `service: shop\nimage: { from: scratch, command: [/x] }\n${more}`);
  file("environments: { staging: { servers: { count: 1 } } }\n");
  const well = await cli(["validate"], { cwd });
  expect(well).toMatchObject({ code: 0, stdout: "kiln.yaml has no problems: shop (staging).\n" });
  file("environments: { staging: { servers: { count: many } } }\nnope: 1\n");
  const { code, stderr } = await cli(["validate"], { cwd });
  expect(code).toBe(2);
  for (const problem of [/:3:.*count/, /:4:1:.*nope/]) expect(stderr).toMatch(problem);
});

test("kiln validate also looks for files that only an environment names", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "kiln-validate-"));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  const other = "environments: { staging: { image: { files: [{ from: ./missing, to: /a }] } } }\n";
  writeFileSync(join(cwd, "kiln.yaml"), `service: shop\nimage: { from: scratch, command: [/x] }\n${other}`);
  expect(await cli(["validate"], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("missing"),
  });
});
