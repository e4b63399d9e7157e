import { expect, test } from "vitest";
import type { KnownAdvisory } from "./advisory.ts";
import { isOpen, match } from "./match.ts";
import { advisory, installed } from "./testing.ts";
import type { VexStatement } from "./vex.ts";

const image = `sha256:${"a".repeat(64)}`;
const packages = installed("openssl", "3.0.15-1", "libssl3", "openssl");

function found(advisories: readonly KnownAdvisory[], statements: readonly VexStatement[] = []) {
  return match(packages, (source) => advisories.filter((one) => one.source === source), {
    image,
    statements,
  });
}

const of = (origin: string, changes = {}): KnownAdvisory => ({ ...advisory(changes), origin });

test("a package is found by its source package, once for all packages built from it", () => {
  expect(found([of("osv")])).toEqual([
    {
      ...{ id: "CVE-2025-0001", severity: "medium", source: "openssl", version: "3.0.15-1" },
      ...{
        packages: ["libssl3", "openssl"],
        fixed: "3.0.17-1",
        summary: "A buffer overflow",
        vex: undefined,
      },
    },
  ]);
});

test.each([
  ["fixed in this version", { fixed: "3.0.15-1" }],
  ["fixed before", { fixed: "3.0.9-1" }],
  ["never there", { fixed: "0" }],
  ["introduced later", { introduced: "3.0.16", fixed: undefined }],
])("not found: %s", (_, changes) => {
  expect(found([of("osv", changes)])).toEqual([]);
});

test("without a fix it is found, and not fixable", () => {
  expect(found([of("osv", { fixed: undefined })])).toMatchObject([{ fixed: undefined }]);
});

test("it is enough that one source of data knows the version to be free of it", () => {
  expect(found([of("osv"), of("archive:bookworm", { fixed: "3.0.14-1" })])).toEqual([]);
});

test("what sources say is put together: the earliest fix, the worst severity", () => {
  const both = [
    of("archive:bookworm", { severity: "unknown", summary: "" }),
    of("osv", { fixed: undefined, severity: "high" }),
  ];
  expect(found(both)).toMatchObject([{ fixed: "3.0.17-1", severity: "high", summary: "A buffer overflow" }]);
});

test("of two ranges of one source, one is enough to be vulnerable", () => {
  const ranges = [of("osv", { fixed: "3.0.2" }), of("osv", { introduced: "3.0.11", fixed: "3.0.16" })];
  expect(found(ranges)).toMatchObject([{ id: "CVE-2025-0001", fixed: "3.0.16" }]);
});

test("the worst come first", () => {
  const all = [of("osv", { id: "CVE-2025-1" }), of("osv", { id: "CVE-2025-2", severity: "critical" })];
  expect(found(all).map(({ id }) => id)).toEqual(["CVE-2025-2", "CVE-2025-1"]);
});

const statement = (changes: Partial<VexStatement> = {}): VexStatement => ({
  ids: ["CVE-2025-0001"],
  products: [
    { id: `pkg:oci/shop@sha256%3A${"a".repeat(64)}`, parts: ["pkg:deb/debian/libssl3@3.0.15-1?arch=amd64"] },
  ],
  status: "not_affected",
  why: "no TLS here",
  atMs: 1,
  ...changes,
});

test.each([
  ["an image and a package of it", {}],
  ["an image by its digest", { products: [{ id: image, parts: [] }] }],
  ["a package", { products: [{ id: "pkg:deb/debian/openssl", parts: [] }] }],
  ["a package in this version", { products: [{ id: "pkg:deb/debian/openssl@3.0.15-1", parts: [] }] }],
])("a VEX statement about %s settles a finding", (_, changes) => {
  expect(found([of("osv")], [statement(changes)]).map(isOpen)).toEqual([false]);
});

test.each([
  ["another image", { products: [{ id: `sha256:${"b".repeat(64)}`, parts: [] }] }],
  ["a name that other images may have too", { products: [{ id: "pkg:oci/shop", parts: [] }] }],
  ["another version", { products: [{ id: "pkg:deb/debian/openssl@3.0.14-1", parts: [] }] }],
  ["another vulnerability", { ids: ["CVE-2025-0002"] }],
  ["work that has only begun", { status: "under_investigation" as const }],
])("a VEX statement about %s does not", (_, changes) => {
  expect(found([of("osv")], [statement(changes)]).map(isOpen)).toEqual([true]);
});

test("of two VEX statements the newer one counts", () => {
  const later = statement({ status: "affected", atMs: 2 });
  expect(found([of("osv")], [later, statement()])).toMatchObject([{ vex: { status: "affected" } }]);
});
