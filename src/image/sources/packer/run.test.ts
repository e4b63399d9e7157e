import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ProjectFile } from "../../project/project-files.ts";
import { removeRequiredPlugins } from "./run.ts";

const text = "packer { required_plugins { } }\n";

test.each(["", "web", "web/a.pkr.hcl"])("what a template %j links to stays as it is", async (template) => {
  const folder = mkdtempSync("/tmp/kiln-packer-");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const outside = join(folder, "outside.pkr.hcl");
  writeFileSync(outside, text);
  const below = template === "" ? "context" : "context/web";
  mkdirSync(join(folder, below), { recursive: true });
  writeFileSync(join(folder, below, "a.pkr.hcl"), text);
  symlinkSync(outside, join(folder, below, "b.pkr.hcl"));
  const common = { entry: 0, mode: 0o644, owner: "0:0" };
  const files: readonly ProjectFile[] = [
    { ...common, to: `${below}/a.pkr.hcl`, type: "file" },
    { ...common, to: `${below}/b.pkr.hcl`, type: "symlink", link: outside },
  ];
  await removeRequiredPlugins({ template: template === "" ? "." : template, files }, folder);
  expect(readFileSync(outside, "utf8")).toBe(text);
  expect(readFileSync(join(folder, below, "a.pkr.hcl"), "utf8")).not.toContain("required_plugins");
});
