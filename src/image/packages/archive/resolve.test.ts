import { describe, expect, test } from "vitest";
import { aptConfig } from "./apt.ts";
import { uriOf } from "./fetch.ts";
import { neededAnyway, parseSimulation, parseUriLine } from "./resolve.ts";

const sha256 = "5".repeat(64);

test("what apt would install and remove", () => {
  const text = `Remv cdebconf [1.0]
Inst gcc-12-base (12.2.0-14 Debian:12.15/oldstable [amd64])
Inst libc6 [2.35] (2.36-9 Debian:12.15/oldstable, Security:12 [amd64]) []
Conf libc6 (2.36-9 Debian:12.15/oldstable [amd64])
`;
  expect(parseSimulation(text)).toEqual({
    chosen: ["gcc-12-base=12.2.0-14", "libc6=2.36-9"],
    removed: ["cdebconf"],
  });
});

test("a download's URI becomes a path in the pool and the suite it is from", () => {
  const source = { components: ["main"], options: {} };
  const sources = [
    { ...source, uris: ["http://a.example.com/debian/"], suites: ["bookworm", "bookworm-updates"] },
    { ...source, uris: ["http://a.example.com/debian-security"], suites: ["bookworm-security"] },
  ];
  const line = `'http://a.example.com/debian-security/pool/l/libc_1%7edeb12%2b1.deb' libc_1%3a2.0~deb12+1_amd64.deb 8 SHA256:${sha256}`;
  expect(parseUriLine(line, { sources })).toEqual({
    name: "libc",
    version: "1:2.0~deb12+1",
    architecture: "amd64",
    size: 8,
    sha256,
    path: "pool/l/libc_1~deb12+1.deb",
    suite: "bookworm-security",
  });
});

test.each([
  ["that begins as an option does", `'http://a.example.com/x.deb' -oDir::Bin=x_1_all.deb 8 SHA256:${sha256}`],
  ["whose path climbs out", `'http://a.example.com/../../x.deb' x_1_all.deb 8 SHA256:${sha256}`],
  ["whose path is malformed", `'http://a.example.com/%zz.deb' x_1_all.deb 8 SHA256:${sha256}`],
  ["of another archive", `'file:/etc/x.deb' x_1_all.deb 8 SHA256:${sha256}`],
  ["without bytes", `'http://a.example.com/x.deb' x_1_all.deb 0 SHA256:${sha256}`],
  ["known by MD5 alone", `'http://a.example.com/x.deb' x_1_all.deb 8 MD5Sum:${"5".repeat(32)}`],
])("a hostile index's package %s is refused", (_, line) => {
  const sources = [{ uris: ["http://a.example.com"], suites: ["./"], components: [], options: {} }];
  expect(() => parseUriLine(line, { sources })).toThrow(expect.objectContaining({ code: "apt_failed" }));
});

test("a package is fetched from its own suite first, then from every other archive once", () => {
  const one = {
    name: "a",
    version: "1",
    architecture: "all",
    size: 1,
    sha256,
    path: "pool/a.deb",
    suite: "s2",
  };
  const all = [
    { uri: "http://one", suite: "s1" },
    { uri: "http://two", suite: "s2" },
    { uri: "http://two", suite: "s3" },
  ];
  expect([0, 1, 2].map((round) => uriOf(one, all, round))).toEqual([
    "http://two/pool/a.deb",
    "http://one/pool/a.deb",
    undefined,
  ]);
});

describe("assumptions", () => {
  const stanza = (name: string, depends: string) =>
    new Map([
      ["package", name],
      ["depends", depends],
    ]);
  const assumed = [
    { name: "debconf" },
    { name: "iproute2", onlyFor: ["nginx"] },
    { name: "dpkg", notFor: ["apt"] },
  ];

  test("hold while only those who are named depend on it", () => {
    expect(neededAnyway(assumed, [stanza("nginx", "iproute2, debconf | x, dpkg (>= 1)")])).toEqual([]);
  });

  test("are dropped when another package needs them", () => {
    expect(
      neededAnyway(assumed, [stanza("router", "libc6, iproute2 (>= 5)"), stanza("apt", "dpkg")]),
    ).toEqual(["iproute2", "dpkg"]);
  });
});

test("the private apt clears the machine's hooks and keeps its own state", () => {
  const config = aptConfig("/c/apt/1", "arm64");
  expect(config).toContain("#clear APT::Update::Post-Invoke-Success;\n");
  expect(config).toContain('Dir::State::status "/c/apt/1/status";\n');
  expect(config).toContain('APT::Architecture "arm64";\n');
  expect(config).not.toMatch(/Proxy|Dir::Etc::Trusted|netrc/i);
});
