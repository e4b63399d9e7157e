import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../lib/log.ts";
import { freePort } from "../../lib/testing.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { certificateIn } from "../certificate.ts";
import { missingOpenssl } from "../test-certificates.ts";
import { findHook, hookPath } from "./dns-hook.ts";
import { issuedFile, issuer, prepare } from "./issuer.ts";
import { missingPebble, testAuthority } from "./test-authority.ts";

const isRoot = process.getuid?.() === 0;
const missing = (await missingOpenssl()) ?? (await missingPebble());
if (missing) console.log(`Skipped: certificates by DNS-01, because ${missing}.`);
/** `nobody`; without root only the tests' own user can own a program. */
const owner = isRoot ? 65_534 : (process.getuid?.() ?? 0);

let folder: string;
let state: string;
let program: string;

beforeAll(async () => {
  folder = await mkdtemp("/tmp/kiln-");
  await chmod(folder, 0o755);
  state = join(folder, "acme");
  program = join(folder, "change-dns");
  await mkdir(state, { mode: 0o700 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function install(script: string): Promise<void> {
  await writeFile(program, `#!/bin/bash\n${script}\n`);
  await chmod(program, 0o700);
  if (isRoot) await chown(program, owner, owner);
}

test("a program that is missing, runs as root, or that others can change, is refused with the reason", async () => {
  await expect(findHook(state)).rejects.toMatchObject({
    code: "certificate_invalid",
    message: expect.stringContaining(`there is no program ${hookPath(state)}`),
  });
  await install("true");
  await symlink(program, hookPath(state));
  expect(await findHook(state)).toMatchObject({ program, uid: owner });
  await chmod(program, 0o722);
  await expect(findHook(state)).rejects.toThrow(`someone else can change ${program}`);
  await chmod(program, 0o1722); // sticky, which says something of folders alone
  await expect(findHook(state)).rejects.toThrow(`someone else can change ${program}`);
  await chmod(program, 0o700);
  await chmod(folder, 0o777);
  await expect(findHook(state)).rejects.toThrow(`someone else can change ${folder}`);
  await chmod(folder, 0o755);
  await chmod(program, 0o600);
  await expect(findHook(state)).rejects.toThrow("is not executable");
  if (!isRoot) return;
  await chmod(program, 0o700);
  await chown(program, owner, 0);
  await expect(findHook(state)).rejects.toThrow("is of the group root");
  await chown(program, 0, 0);
  await expect(findHook(state)).rejects.toThrow("belongs to root");
});

test.skipIf(missing)(
  "a wildcard is certified with the program's records, and the program has its owner's rights alone",
  async () => {
    await using authority = await testAuthority(await freePort());
    const calls = join(folder, "calls");
    await writeFile(calls, "");
    await chown(calls, owner, owner);
    await install(`
      exec 3<>/dev/tcp/127.0.0.1/${authority.namesPort}
      [ "$1" = cleanup ] || {
        body="{\\"host\\":\\"$2\\",\\"value\\":\\"$3\\"}"
        printf 'POST /set-txt HTTP/1.0\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "\${#body}" "$body" >&3
        cat <&3 >/dev/null
      }
      echo "$1 $2 $(id -u) $(id -G) $(grep -E 'CapBnd|NoNewPrivs' /proc/self/status | tr -d '\\n\\t') \${HOME-none}" >>${calls}`);
    const hosts = ["*.shop.example", "shop.example"];
    const acme = { ...authority.acme, challenge: "dns-01" as const };
    await prepare({ service: "shop", hosts }, state, AbortSignal.timeout(60_000));
    const look = issuer();
    const context = { folder: state, clock: systemClock, log: silentLog };
    await expect
      .poll(() => look([{ service: "shop", hosts, acme }], context), { timeout: 120_000, interval: 200 })
      .toEqual([]);
    const file = issuedFile(state, "shop");
    const { leaf } = certificateIn(await readFile(file, "utf8"), file);
    expect(leaf.subjectAltName?.split(", ").sort()).toEqual(["DNS:*.shop.example", "DNS:shop.example"]);
    const lines = (await readFile(calls, "utf8")).trim().split("\n");
    expect(lines.map((line) => line.split(" ").slice(0, 2).join(" ")).sort()).toEqual([
      "cleanup _acme-challenge.shop.example.",
      "cleanup _acme-challenge.shop.example.",
      "present _acme-challenge.shop.example.",
      "present _acme-challenge.shop.example.",
    ]);
    if (isRoot) expect(lines[0]).toMatch(/ 65534 65534 CapBnd:0+NoNewPrivs:1 \/nonexistent$/);

    await install("echo the provider is down >&2; exit 3");
    const wider = { service: "shop", hosts: [...hosts, "store.example"], acme };
    await expect
      .poll(async () => (await look([wider], context))[0]?.message, { timeout: 120_000, interval: 200 })
      .toContain("failed with 3: the provider is down");
  },
  300_000,
);
