import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { readDocuments } from "./documents.ts";

const folder = mkdtempSync(join(tmpdir(), "kiln-advisories-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

function file(content: unknown, ending = ".json"): string {
  const path = join(folder, `${++files}${ending}`);
  const text = typeof content === "string" ? content : JSON.stringify(content);
  writeFileSync(path, ending.endsWith(".gz") ? gzipSync(text) : text);
  return path;
}

/** As the security tracker writes it, shortened. */
const tracker = {
  openssl: {
    "CVE-2025-0001": {
      description: "A buffer\n\u001b[31moverflow",
      debianbug: 1,
      scope: "remote",
      releases: {
        bookworm: {
          ...{ status: "resolved", repositories: { bookworm: "3.0.15-1" } },
          ...{ fixed_version: "3.0.17-1~deb12u2", urgency: "medium**" },
        },
        trixie: { status: "open", repositories: {}, urgency: "not yet assigned" },
        sid: { status: "undetermined", repositories: {}, urgency: "low" },
        bullseye: { status: "resolved", repositories: {}, fixed_version: "0", urgency: "unimportant" },
      },
    },
  },
};

const osv = {
  schema_version: "1.7.0",
  id: "DEBIAN-CVE-2025-0002",
  modified: "2026-11-20T10:00:00.5Z",
  upstream: ["CVE-2025-0002"],
  details: "Another",
  severity: [{ type: "CVSS_V3", score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }],
  affected: [
    {
      package: { ecosystem: "Debian:12", name: "nginx", purl: "pkg:deb/debian/nginx?arch=source" },
      ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed: "1.22.1-9+deb12u1" }] }],
      ecosystem_specific: { urgency: "not yet assigned" },
    },
    {
      package: { ecosystem: "Debian:13", name: "nginx" },
      ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }] }],
    },
    { package: { ecosystem: "npm", name: "nginx" }, ranges: [] },
  ],
};

const vex = {
  "@context": "https://openvex.dev/ns/v0.2.0",
  "@id": "https://example.com/vex/1",
  author: "A",
  timestamp: "2026-11-01T00:00:00Z",
  statements: [
    {
      vulnerability: { name: "CVE-2025-0001" },
      products: [{ "@id": "pkg:deb/debian/openssl" }],
      status: "not_affected",
      justification: "vulnerable_code_not_in_execute_path",
    },
  ],
};

test.each([".json", ".json.gz"])("the tracker's export (%s)", async (ending) => {
  const [read] = await readDocuments([file(tracker, ending)]);
  const common = {
    id: "CVE-2025-0001",
    source: "openssl",
    introduced: "0",
    summary: "A buffer [31moverflow",
  };
  expect(read).toMatchObject({ name: "debian-tracker", suites: ["bookworm", "bullseye", "trixie"] });
  expect(read?.advisories).toEqual([
    { ...common, suite: "bookworm", fixed: "3.0.17-1~deb12u2", severity: "medium" },
    { ...common, suite: "trixie", fixed: undefined, severity: "unknown" },
    { ...common, suite: "bullseye", fixed: "0", severity: "negligible" },
  ]);
});

test("OSV records, alone and in a list, are one import of the newest one's age", async () => {
  const later = {
    ...osv,
    id: "DSA-1-1",
    modified: "2026-11-21T00:00:00Z",
    withdrawn: "2026-11-21T00:00:00Z",
  };
  const [read, ...others] = await readDocuments([file(osv), file([later])]);
  const common = {
    id: "CVE-2025-0002",
    source: "nginx",
    introduced: "0",
    severity: "critical",
    summary: "Another",
  };
  expect(others).toEqual([]);
  expect(read).toMatchObject({
    name: "osv",
    madeAtMs: Date.parse("2026-11-21T00:00:00Z"),
    suites: ["bookworm", "trixie"],
  });
  expect(read?.advisories).toEqual([
    { ...common, suite: "bookworm", fixed: "1.22.1-9+deb12u1" },
    { ...common, suite: "trixie", fixed: undefined },
  ]);
});

test("an OpenVEX document", async () => {
  const [read] = await readDocuments([file(vex)]);
  expect(read).toMatchObject({
    name: "vex:https://example.com/vex/1",
    statements: [
      { ids: ["CVE-2025-0001"], status: "not_affected", why: "vulnerable code not in execute path" },
    ],
  });
});

const inBookworm = (state: object) => ({ openssl: { "CVE-1-1": { releases: { bookworm: state } } } });
const statement = vex.statements[0];

test.each([
  ["half a file", JSON.stringify(tracker).slice(0, 80), "not all of it"],
  ["a page of a proxy", "<html>503</html>", "it is not JSON"],
  ["a number", 7, "none of them"],
  ["nothing", {}, "none of them"],
  ["an unknown state", inBookworm({ status: "fixed" }), "openssl, CVE-1-1, releases, bookworm, status: "],
  ["a version that is none", inBookworm({ status: "resolved", fixed_version: "1;rm" }), "fixed_version: "],
  ["no CVE", { openssl: { "<b>": { releases: {} } } }, "openssl, <b>: "],
  [
    "a record without versions",
    { ...osv, affected: [{ ranges: [{ type: "ECOSYSTEM", events: [{ fixed: "" }] }] }] },
    "DEBIAN-CVE-2025-0002, affected, 0",
  ],
  [
    "not affected, and no reason",
    { ...vex, statements: [{ ...statement, justification: undefined }] },
    "needs a justification",
  ],
  ["a statement about everything", { ...vex, statements: [{ ...statement, products: [] }] }, "products: "],
])("a file with %s is refused with the place", async (_, content, expected) => {
  const path = file(content);
  const refused = readDocuments([file(osv), path]);
  await expect(refused).rejects.toMatchObject({ code: "advisories_invalid" });
  await expect(refused).rejects.toThrow(expected);
  await expect(refused).rejects.toThrow(path);
});

test("damaged compression is refused, and a path that is not a file", async () => {
  const path = file("", ".gz");
  writeFileSync(path, "no gzip");
  await expect(readDocuments([path])).rejects.toThrow("compressed data is damaged");
  await expect(readDocuments(["/dev/null"])).rejects.toThrow("not a file");
  await expect(readDocuments([join(folder, "none")])).rejects.toMatchObject({ code: "file_missing" });
});
