import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { anEventfulInstallation } from "./testing.ts";

const promtool = "/usr/bin/promtool";
const missing = spawnSync(promtool, ["--version"]).status !== 0;
const folder = new URL("../../../contrib/", import.meta.url).pathname;

/** What it wrote, when it ended with exit code 0. */
const run = (...args: readonly string[]): string =>
  execFileSync(promtool, args, { encoding: "utf8", cwd: `${folder}prometheus` });

/** Why a test of this file is skipped, if it is. */
const title = (name: string) =>
  missing ? `${name} (skipped: Debian's package prometheus is not installed)` : name;

test.skipIf(missing)(title("Prometheus reads a scrape, and finds nothing to object to"), async () => {
  await using it = await anEventfulInstallation();
  const checked = spawnSync(promtool, ["check", "metrics"], { input: await it.scrape(), encoding: "utf8" });
  expect(`${checked.stdout}${checked.stderr}`).toBe("");
  expect(checked.status).toBe(0);
});

test.skipIf(missing)(
  title("the alert rules are valid, and each raises its alert in its own case alone"),
  () => {
    expect(run("check", "rules", "kiln.rules.yml")).toContain("SUCCESS");
    expect(run("test", "rules", "kiln.rules.test.yml")).toContain("SUCCESS");
  },
);

test.skipIf(missing)(title("Prometheus understands every query of the Grafana dashboard"), () => {
  const dashboard = JSON.parse(readFileSync(`${folder}grafana/kiln.json`, "utf8")) as {
    readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
  };
  const queries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const rules = queries.map((expr, i) => ({
    record: `query:${i}`,
    expr: expr.replaceAll(/\$__(rate_)?interval/g, "5m").replaceAll(/\$\w+/g, ".*"),
  }));
  const file = join(mkdtempSync("/tmp/kiln-rules-"), "rules.json");
  onTestFinished(() => rmSync(dirname(file), { recursive: true }));
  writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
  expect(run("check", "rules", file)).toContain(`SUCCESS: ${queries.length} rules found`);
});
