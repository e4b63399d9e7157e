import { mkdtemp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TlsFiles } from "../domain/spec/traffic-spec.ts";
import { KilnError } from "../lib/errors.ts";
import { exec } from "../lib/process/exec.ts";
import { assertServes, readCertificate } from "./certificate.ts";
import { issue, missingOpenssl, noSecret } from "./test-certificates.ts";

const missing = await missingOpenssl();
if (missing) console.log(`skipped: ${missing}`);
const withOpenssl = test.skipIf(missing);
const dayMs = 24 * 3_600_000;

let folder: string;
let good: TlsFiles;
let other: TlsFiles;
const inFolder = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp("/tmp/kiln-");
  if (missing) return;
  good = await issue(folder, "good", { hosts: ["shop.example.com", "*.shop.example.com"] });
  other = await issue(folder, "other", { hosts: ["blog.example.com"] });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function refusal(tls: TlsFiles): Promise<string> {
  const error = await readCertificate(tls, noSecret).catch((e: unknown) => e);
  if (!(error instanceof KilnError)) throw new Error("The certificate was accepted.");
  expect(error.code).toBe("certificate_invalid");
  return `${error.message} ${error.hint}`.replaceAll(folder, "");
}

withOpenssl(
  "a good pair is written again: the chain in its order, then the key, with nothing between them",
  async () => {
    const chain = `# mine\n\n${await readFile(good.certificate, "utf8")}\n\nquit\n${await readFile(other.certificate, "utf8")}`;
    await writeFile(inFolder("chain.crt"), chain);
    const { pem, leaf } = await readCertificate({ ...good, certificate: inFolder("chain.crt") }, noSecret);
    expect(pem.match(/-----BEGIN .*-----/g)).toEqual([
      "-----BEGIN CERTIFICATE-----",
      "-----BEGIN CERTIFICATE-----",
      "-----BEGIN PRIVATE KEY-----",
    ]);
    expect(pem).not.toMatch(/mine|quit|\n\n/);
    expect(leaf.subject).toBe("CN=good");
  },
);

withOpenssl("one file may hold both, and the key may be in any of its forms", async () => {
  const form = await exec(["openssl", "ec", "-in", good.key]);
  const both = inFolder("both.pem");
  await writeFile(both, `${form.stdout}${await readFile(good.certificate, "utf8")}`);
  expect((await readCertificate({ certificate: both, key: both }, noSecret)).pem).toContain(
    "BEGIN PRIVATE KEY",
  );
});

withOpenssl("each thing that can be wrong with the files has its own words", async () => {
  const text = await readFile(good.certificate, "utf8");
  const files = {
    "half.crt": text.slice(0, text.length / 2),
    "half-chain.crt": `${text}${text.slice(0, text.length / 2)}`,
    "scrambled.crt": text.replace(/^[A-Za-z0-9+/=]{20}/m, "x".repeat(20)),
    "reversed.crt": `${await readFile(other.certificate, "utf8")}${text}`,
    "half.key": (await readFile(good.key, "utf8")).slice(0, 100),
    "scrambled.key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "letter.txt": "Dear Sir or Madam\n",
  };
  for (const [name, content] of Object.entries(files)) await writeFile(inFolder(name), content);
  await exec(["openssl", "x509", "-in", good.certificate, "-outform", "der", "-out", inFolder("der.crt")]);
  await exec([
    "openssl",
    "pkey",
    "-in",
    good.key,
    "-aes256",
    "-passout",
    "pass:x",
    "-out",
    inFolder("locked.key"),
  ]);
  await symlink("nowhere", inFolder("dangling.key"));
  await symlink("loop.key", inFolder("loop.key"));
  await writeFile(inFolder("large.crt"), text);
  await truncate(inFolder("large.crt"), 2 ** 30);
  await exec(["mkfifo", inFolder("pipe.key")]);
  const certificate = (name: string) => refusal({ ...good, certificate: inFolder(name) });
  const key = (name: string) => refusal({ ...good, key: inFolder(name) });
  expect(await certificate("absent.crt")).toMatch(/^The certificate \/absent.crt does not exist. Paths/);
  expect(await key("good.crt/x.key")).toMatch(/^The key \/good.crt\/x.key does not exist./);
  expect(await key("dangling.key")).toContain("does not exist");
  expect(await key("loop.key")).toContain("leads nowhere");
  expect(await key("")).toContain("is not a regular file");
  expect(await key("pipe.key")).toContain("is not a regular file");
  expect(await certificate("letter.txt")).toContain("is not in PEM form. A PEM file has");
  expect(await certificate("der.crt")).toContain("openssl x509 -inform der");
  expect(await certificate("large.crt")).toContain("is not in PEM form");
  expect(await key("letter.txt")).toContain("openssl pkey -inform der");
  expect(await certificate("half.crt")).toContain(
    "is damaged: it has no whole block. It may be half written",
  );
  expect(await certificate("half-chain.crt")).toContain("its block 2 can't be read. It may be half written");
  expect(await certificate("scrambled.crt")).toContain("its block 1 can't be read");
  expect(await key("half.key")).toContain("is damaged");
  expect(await key("scrambled.key")).toContain("is damaged");
  expect(await certificate("good.key")).toContain(
    "holds a private key; expected a certificate. `certificate` and",
  );
  expect(await key("good.crt")).toContain("holds a certificate; expected a key.");
  expect(await key("locked.key")).toContain("is encrypted");
  expect(await key("other.key")).toMatch(
    /^The key \/other.key does not belong to the certificate \/good.crt./,
  );
  expect(await certificate("reversed.crt")).toContain("is number 2; expected it first");
});

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log("Skipped: a file that may not be read, because only root can become another user.");

test.skipIf(missing || !isRoot)("a file that may not be read says so", async () => {
  await exec(["chmod", "700", folder]);
  const script = `import(${JSON.stringify(new URL("certificate.ts", import.meta.url).pathname)})
    .then(({ readCertificate }) => (process.setuid("nobody"), readCertificate(${JSON.stringify(good)})))
    .catch((error) => console.log(error.code, error.message, error.hint));`;
  const { stdout } = await exec([process.execPath, "--disable-warning=ExperimentalWarning", "-e", script]);
  expect(stdout).toMatch(
    /^certificate_invalid The certificate .* cannot be read: permission denied\. Make it readable/,
  );
});

withOpenssl("a short RSA key is refused before HAProxy could", async () => {
  const weak = await issue(folder, "weak", { newKey: ["rsa:1024"] });
  expect(await refusal(weak)).toContain("has an RSA key of 1024 bits; expected at least 2048");
  await readCertificate(await issue(folder, "strong", { newKey: ["rsa:2048"] }), noSecret);
});

withOpenssl("it must be valid now, and cover the host name", async () => {
  const certificate = await readCertificate(good, noSecret);
  const words = (host: string | undefined, afterMs: number) => {
    try {
      assertServes(certificate, host === undefined ? [] : [host], Date.now() + afterMs);
      return "accepted";
    } catch (error) {
      return (error as KilnError).message.replaceAll(folder, "");
    }
  };
  expect(words("shop.example.com", 0)).toBe("accepted");
  expect(words("pay.shop.example.com", 0)).toBe("accepted");
  expect(words(undefined, 89 * dayMs)).toBe("accepted");
  expect(words(undefined, 91 * dayMs)).toMatch(
    /^The certificate \/good.crt expired on \d{4}-\d\d-\d\d \d\d:\d\d UTC\.$/,
  );
  expect(words(undefined, -dayMs)).toContain("is not valid before");
  expect(words("example.com", 0)).toBe(
    "The certificate /good.crt does not cover example.com; it covers shop.example.com, *.shop.example.com.",
  );
  const nameless = await readCertificate(await issue(folder, "shop.example.com", { hosts: [] }), noSecret);
  expect(() => assertServes(nameless, ["shop.example.com"], Date.now())).toThrow("it covers no host name");
});

withOpenssl("no error tells what is in the key", async () => {
  const secret = (await readFile(other.key, "utf8")).split("\n")[1] ?? "";
  await writeFile(
    inFolder("broken.key"),
    `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`,
  );
  for (const key of [other.key, inFolder("broken.key")]) {
    const error = (await readCertificate({ ...good, key }, noSecret).catch((e: unknown) => e)) as KilnError;
    expect(JSON.stringify([error.message, error.hint, error.problems, String(error.cause)])).not.toContain(
      secret,
    );
    expect(error.stack).not.toContain(secret);
  }
});
