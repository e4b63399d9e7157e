import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { cli } from "../test-kit.ts";

test("the end of a long log has whole lines, without secrets", async () => {
  const folder = mkdtempSync("/tmp/kiln-b-");
  try {
    const line = `${"x".repeat(1 << 20)}hunter2\n`; // its name, which would say what it is, is cut off
    mkdirSync(join(folder, "home/router"), { recursive: true });
    writeFileSync(join(folder, "home/router/haproxy.log"), `password=${line}the last line\n`);
    writeFileSync(
      join(folder, "home/controller.log"),
      '{"msg":"asked","url":"https://hooks.example.com/T0/abc"}\n',
    );
    const output = join(folder, "bundle.tar.gz");
    const made = await cli(["debug", "bundle", "--output", output], {
      home: join(folder, "home"),
      cwd: folder,
    });
    expect(made).toMatchObject({ code: 0 });
    const text = gunzipSync(readFileSync(output)).toString();
    expect(text).toContain("the last line");
    expect(text).toContain('{"msg":"asked","url":"(left out)"}');
    expect(text).not.toContain("hunter2");
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);
