import { describe, expect, test } from "vitest";
import { adaptSources, archives, formatSources, parseDeb822, parseOneLine } from "./sources.ts";

const deb822 = `# the archive
Types: deb deb-src
URIs: http://deb.example.com/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.example.com/debian-security/
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
URIs: http://other.example.com/tool
Suites: stable
Components: main
Signed-By: /usr/share/keyrings/tool.gpg

Enabled: no
Types: deb
URIs: http://off.example.com
Suites: bookworm
Components: main
`;

describe("the machine's sources", () => {
  test("one-line entries are read with their options, comments and source packages are not", () => {
    expect(
      parseOneLine(
        "# deb http://a bookworm main\ndeb [signed-by=/k.gpg arch=amd64] http://a.example.com/debian bookworm main contrib # x\ndeb-src http://a bookworm main\n",
      ),
    ).toEqual([
      {
        uris: ["http://a.example.com/debian"],
        suites: ["bookworm"],
        components: ["main", "contrib"],
        options: { "signed-by": "/k.gpg" },
      },
    ]);
  });

  test("an option is never what the line itself says", () => {
    const [source] = parseOneLine("deb [uris=file:/etc Suites=./ enabled=no] http://a.example.com x main");
    expect(source?.options).toEqual({});
  });

  test("deb822 entries are read; disabled ones are not", () => {
    const sources = parseDeb822(deb822);
    expect(sources.map(({ suites }) => suites)).toEqual([
      ["bookworm", "bookworm-updates"],
      ["bookworm-security"],
      ["stable"],
    ]);
    expect(sources[1]?.options).toEqual({ "signed-by": "\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n.\nabc" });
  });

  test("written sources are read back unchanged", () => {
    const sources = parseDeb822(deb822);
    expect(parseDeb822(formatSources(sources))).toEqual(sources);
  });
});

describe("another suite", () => {
  const sources = parseDeb822(deb822.replace("Signed-By:\n -----", "X-Key:\n -----"));

  test("Debian's archives follow, others are left out", () => {
    expect(adaptSources(sources, "trixie").map(({ suites }) => suites)).toEqual([
      ["trixie", "trixie-updates"],
      ["trixie-security"],
    ]);
  });

  test("the machine's own suite keeps everything that names it", () => {
    const other = parseOneLine(
      "deb [signed-by=/k.gpg] http://t.example.com bookworm stable\ndeb http://d.example.com/debian bookworm-backports main",
    );
    expect(adaptSources([...sources, ...other], "bookworm").map(({ suites }) => suites)).toEqual([
      ["bookworm", "bookworm-updates"],
      ["bookworm-security"],
      ["bookworm"],
    ]);
  });

  test("archives are named without a trailing slash", () => {
    expect(archives(adaptSources(sources, "trixie")).at(-1)).toEqual({
      uri: "http://deb.example.com/debian-security",
      suite: "trixie-security",
    });
  });
});
