import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { workshop } from "../../image/test-kit.ts";
import { ensureStateFolder } from "../../lib/state-folder.ts";
import { Advisories } from "./database.ts";
import type { Import } from "./documents.ts";
import { scanContents, summaryOfScan } from "./scan.ts";
import { advisory, installed } from "./testing.ts";

const packages = [...installed("openssl", "3.0.15-1", "libssl3"), ...installed("zlib", "1.2")];
const system = { id: "debian", version: "12", codename: "bookworm" };
const contents = { digest: `sha256:${"a".repeat(64)}`, created: "", system, packages, layers: [] };

const data = (changes: Partial<Import> = {}): Import => ({
  ...{ name: "osv", madeAtMs: 1000, sha256: "", suites: ["bookworm"], covers: undefined, statements: [] },
  advisories: [advisory(), advisory({ id: "CVE-2025-0002", fixed: undefined, severity: "high" })],
  ...changes,
});

const replace = (into: Advisories, one: Import, force = false) => into.replace(one, 2000, { force });

test("what was imported is found, counted, and has an age", () => {
  using shop = workshop();
  using advisories = Advisories.open(shop.state);
  replace(advisories, data());
  const scan = scanContents(shop.state, contents);
  expect(scan.findings.map(({ id }) => id)).toEqual(["CVE-2025-0002", "CVE-2025-0001"]);
  expect(scan.unknown).toEqual([]);
  expect(summaryOfScan(scan)).toEqual({ found: 2, fixable: 1, worst: "high", dataAtMs: 1000 });
});

test("a new import takes the place of the old one of its name, and data of the future is as old as its import", () => {
  using shop = workshop();
  using advisories = Advisories.open(shop.state);
  replace(advisories, data());
  replace(advisories, data({ madeAtMs: 9000, advisories: [advisory({ id: "CVE-2025-0003" })] }));
  const scan = scanContents(shop.state, contents);
  expect(scan.findings.map(({ id }) => id)).toEqual(["CVE-2025-0003"]);
  expect(scan.data).toMatchObject([{ madeAtMs: 2000, entries: 1 }]);
});

test("data that has lost more than half of its entries is refused unless that is asked for", () => {
  using shop = workshop();
  using advisories = Advisories.open(shop.state);
  replace(advisories, data());
  expect(() => replace(advisories, data({ advisories: [] }))).toThrow(
    "has 0 entries, and the present data 2",
  );
  expect(scanContents(shop.state, contents).findings).toHaveLength(2);
  replace(advisories, data({ advisories: [] }), true);
  expect(scanContents(shop.state, contents).findings).toEqual([]);
});

test("source packages that an archive was not asked about are named, also in an older version", () => {
  using shop = workshop();
  using advisories = Advisories.open(shop.state);
  replace(advisories, data({ name: "archive:bookworm", covers: { openssl: "3.0.16" } }));
  expect(scanContents(shop.state, contents).unknown).toEqual(["openssl", "zlib"]);
  replace(advisories, data({ name: "archive:bookworm", covers: { openssl: "3.0.15-1" } }));
  expect(scanContents(shop.state, contents).unknown).toEqual(["zlib"]);
});

test("a package may have the name of what every object has", () => {
  using shop = workshop();
  using advisories = Advisories.open(shop.state);
  replace(advisories, data({ name: "archive:bookworm", covers: { openssl: "3.0.15-1", zlib: "1.2" } }));
  const hostile = { ...contents, packages: [...packages, ...installed("constructor", "1.0")] };
  expect(scanContents(shop.state, hostile).unknown).toEqual(["constructor"]);
});

test("no data for the suite, or another system, is an error and not an empty result", () => {
  using shop = workshop();
  expect(() => scanContents(shop.state, contents)).toThrow("no vulnerability data for Debian bookworm");
  using advisories = Advisories.open(shop.state);
  replace(advisories, data({ suites: ["trixie"] }));
  expect(() => scanContents(shop.state, contents)).toThrow("no vulnerability data for Debian bookworm");
  replace(advisories, data());
  const alpine = { id: "alpine", version: "3.20", codename: undefined };
  expect(() => scanContents(shop.state, { ...contents, system: alpine })).toThrow("it is alpine, not Debian");
  expect(() => scanContents(shop.state, { ...contents, system: undefined })).toThrow("no database of Debian");
});

test("a damaged database is named with its remedy", () => {
  using shop = workshop();
  ensureStateFolder(shop.state);
  writeFileSync(shop.state.advisories, "no database".repeat(1000));
  expect(() => scanContents(shop.state, contents)).toThrow(
    expect.objectContaining({ code: "advisories_damaged" }),
  );
});
