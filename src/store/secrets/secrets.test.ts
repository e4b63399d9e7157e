import {
  chmodSync,
  chownSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askerName } from "../../domain/access/actor.ts";
import type { ReleaseSecret } from "../../domain/rollout/release.ts";
import { anAsker, aPolicy } from "../../domain/testing.ts";
import { KilnError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import { openStore, type Store } from "../store.ts";
import { aClock, aDatabasePath, aDraft, begin, deployed, finish } from "../testing.ts";
import { keyFileBeside } from "./secret-key.ts";

const by = anAsker("ada@example.com");
const clock = aClock();
let file: ReturnType<typeof aDatabasePath>;
let store: Store;
let keyPath: string;
beforeEach(() => {
  file = aDatabasePath();
  store = openStore(file.path, { clock });
  keyPath = keyFileBeside(file.path);
});
afterEach(() => {
  store.close();
  file[Symbol.dispose]();
});

const set = (name: string, value: string, service = "shop") =>
  store.secrets.set(service, name, Buffer.from(value), by);
const secret = (name: string, version = 1): ReleaseSecret => ({
  name,
  version,
  delivery: { kind: "file", path: `/run/secrets/${name}` },
});
const open = (...secrets: readonly ReleaseSecret[]) =>
  Object.fromEntries(
    [...store.secrets.open("shop", secrets)].map(([name, value]) => [name, Buffer.from(value).toString()]),
  );
/** What is thrown; the message holds the reason. */
const fault = (work: () => unknown): KilnError => {
  try {
    work();
  } catch (error) {
    if (error instanceof KilnError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};
const versions = () => store.secrets.list("shop").map(({ name, version }) => `${name} ${version}`);

test("a value comes back by its version; the same value again does not make a new version", () => {
  expect(set("DB_PASSWORD", "one")).toEqual({ version: 1, changed: true });
  expect(set("DB_PASSWORD", "one")).toEqual({ version: 1, changed: false });
  deployed(store, aDraft(1, { secrets: [secret("DB_PASSWORD")] }));
  expect(set("DB_PASSWORD", "two")).toEqual({ version: 2, changed: true });
  expect([open(secret("DB_PASSWORD", 1)), open(secret("DB_PASSWORD", 2))]).toEqual([
    { DB_PASSWORD: "one" },
    { DB_PASSWORD: "two" },
  ]);
  expect(store.secrets.list()).toEqual([
    {
      service: "shop",
      name: "DB_PASSWORD",
      version: 1,
      createdAtMs: 1_000,
      createdBy: askerName(by),
      releases: [1],
    },
    {
      service: "shop",
      name: "DB_PASSWORD",
      version: 2,
      createdAtMs: 1_000,
      createdBy: askerName(by),
      releases: [],
    },
  ]);
});

test("a draft gets the newest versions of its own environment, and all that is missing is named at once", () => {
  set("A", "1");
  set("A", "2");
  set("A", "other", "shop.staging");
  const wanted = ["A", "B", "C"].map((name) => ({ name, delivery: secret(name).delivery }));
  expect(store.secrets.freeze("shop", wanted.slice(0, 1))).toEqual([secret("A", 2)]);
  expect(fault(() => store.secrets.freeze("shop.staging", wanted))).toMatchObject({
    code: "secret_missing",
    message: "shop.staging lacks the secrets B, C.",
    hint: "Set each with `kiln secret set NAME shop.staging`.",
  });
  expect(fault(() => store.secrets.freeze("shop.staging", wanted.slice(1, 2))).hint).toBe(
    "Set it with `kiln secret set B shop.staging`.",
  );
});

test("another version is another release, and a rollback's release still has the old one", () => {
  set("A", "old");
  deployed(store, aDraft(1, { secrets: [secret("A", 1)] }));
  set("A", "new");
  expect(begin(store, aDraft(1, { secrets: [secret("A", 2)] })).release.number).toBe(2);
  expect(store.releases("shop").map(({ secrets }) => secrets)).toEqual([[secret("A", 1)], [secret("A", 2)]]);
});

test("versions of kept releases stay, all others but the newest are forgotten", () => {
  set("A", "1");
  deployed(store, aDraft(1, { secrets: [secret("A", 1)] }));
  for (const value of ["2", "3", "4"]) set("A", value);
  expect(versions()).toEqual(["A 1", "A 4"]);
  deployed(store, aDraft(2, { secrets: [secret("A", 4)] }));
  set("A", "5");
  for (const n of [3, 4]) deployed(store, aDraft(n));
  store.pruneReleases("shop", 1);
  expect(store.releases("shop").map(({ number }) => number)).toEqual([3, 4]);
  expect(versions()).toEqual(["A 5"]);
  expect(set("A", "6").version).toBe(6);
});

test("a secret stays while a kept release has its certificate from it, and its newest version can be read", () => {
  for (const value of ["1", "2"]) set("A", value);
  expect(String(store.secrets.newest("shop", "A"))).toBe("2");
  expect(fault(() => store.secrets.newest("shop", "B")).code).toBe("secret_missing");
  const tls = { secret: "A" };
  begin(store, aDraft(1, { traffic: { mode: "http", listen: 443, host: undefined, tls } }));
  expect(fault(() => store.secrets.remove("shop", "A", by))).toMatchObject({
    code: "secret_in_use",
    message: "The secret A of shop is used by release 1 (its certificate).",
  });
});

test("a secret goes when no kept release uses it; its numbers are never given again", () => {
  set("A", "1");
  const { rollout } = begin(store, aDraft(1, { secrets: [secret("A", 1)] }));
  expect(fault(() => store.secrets.remove("shop", "A", by))).toMatchObject({
    code: "secret_in_use",
    message: "The secret A of shop is used by release 1 (version 1).",
  });
  finish(store, rollout, "complete");
  store.markRemoved("shop", by);
  store.apply("shop", { kind: "gone" }, "nothing is left");
  expect(versions()).toEqual(["A 1"]);
  store.secrets.remove("shop", "A", by);
  expect(fault(() => store.secrets.remove("shop", "A", by)).code).toBe("secret_unknown");
  expect(set("A", "1").version).toBe(2);
  expect(fault(() => store.secrets.remove("shop", "AA", by)).hint).toBe("Did you mean A?");
});

test("neither database nor events nor messages hold a value", () => {
  const value = "correct horse battery staple";
  set("A", value);
  set("A", `${value} 2`);
  store.close();
  const all = ["", "-wal", "-shm"].map((end) => readIfThere(file.path + end)).join("");
  expect(all).toContain("secret.set");
  for (const form of [value, Buffer.from(value).toString("base64").slice(0, 30)])
    expect(all).not.toContain(form);
});

test("the key file is this user's alone, and made with the first secret only", () => {
  expect(() => statSync(keyPath)).toThrow("ENOENT");
  set("A", "1");
  const { mode, size, nlink } = statSync(keyPath);
  expect([mode & 0o777, size, nlink]).toEqual([0o600, 32, 1]);
  const key = readFileSync(keyPath);
  store.secrets.remove("shop", "A", by);
  set("A", "2");
  expect(readFileSync(keyPath)).toEqual(key);
});

const brokenKeys: readonly (readonly [string, () => void, string])[] = [
  ["is missing", () => rmSync(keyPath), "is missing"],
  ["is readable by others", () => chmodSync(keyPath, 0o640), "has mode 0640"],
  ["is too short", () => writeFileSync(keyPath, Buffer.alloc(31)), "has 31 bytes; expected 32"],
  ["is empty", () => writeFileSync(keyPath, ""), "has 0 bytes"],
  [
    "is another one",
    () => writeFileSync(keyPath, Buffer.alloc(32, 7)),
    "is not the key that version 1 of the secret A",
  ],
  [
    "is a symbolic link",
    () => {
      renameSync(keyPath, `${keyPath}.real`);
      symlinkSync(`${keyPath}.real`, keyPath);
    },
    "is a symbolic link",
  ],
];

test.each(brokenKeys)("a key file that %s opens nothing, and nothing is overwritten", (_, harm, message) => {
  set("A", "1");
  harm();
  const error = fault(() => open(secret("A")));
  expect([error.code, error.message]).toEqual(["secret_key_invalid", expect.stringContaining(message)]);
  expect(error.hint).toMatch(/\w/);
  expect(versions()).toEqual(["A 1"]);
  if (message.includes("is not the key")) return;
  expect(fault(() => set("A", "2")).code).toBe("secret_key_invalid");
  expect(versions()).toEqual(["A 1"]);
});

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log("Skipped: a key file of another user, because only root can give a file away.");

test.skipIf(!isRoot)("a key file of another user is refused", () => {
  set("A", "1");
  chownSync(keyPath, 1000, 0);
  expect(fault(() => open(secret("A")))).toMatchObject({
    code: "secret_key_invalid",
    message: expect.stringContaining("belongs to uid 1000"),
  });
});

test("with a new key, secrets that are set again work, and old versions say why they do not", () => {
  set("A", "1");
  deployed(store, aDraft(1, { secrets: [secret("A", 1)] }));
  writeFileSync(keyPath, Buffer.alloc(32, 7));
  expect(set("A", "1")).toEqual({ version: 2, changed: true });
  expect(open(secret("A", 2))).toEqual({ A: "1" });
  expect(fault(() => open(secret("A", 1))).code).toBe("secret_key_invalid");
});

test("a row that was changed or moved cannot be opened", () => {
  set("A", "1");
  set("B", "2");
  const database = new DatabaseSync(file.path);
  database.exec(`UPDATE secret_versions SET (nonce, sealed) =
    (SELECT nonce, sealed FROM secret_versions WHERE name = 'B') WHERE name = 'A'`);
  database.close();
  expect(fault(() => open(secret("A"))).code).toBe("secret_corrupt");
  expect(open(secret("B"))).toEqual({ B: "2" });
  expect(set("A", "3")).toEqual({ version: 2, changed: true });
});

test("versions that are gone are named, all of them", () => {
  set("A", "1");
  expect(fault(() => open(secret("A", 1), secret("A", 7), secret("B", 2)))).toMatchObject({
    code: "secret_missing",
    message: "shop has lost version 7 of A, version 2 of B.",
  });
  expect(open()).toEqual({});
});

test("files of a release are kept with it, by their content, and go with the last that has them", () => {
  const contents = new Map(["one", "two"].map((text) => [digestOf(text), Buffer.from(text)]));
  const files = [...contents.keys()].map((digest) => ({ to: `/etc/${digest}`, mode: 0o444, digest }));
  const deploy = (n: number, of: typeof files) => {
    const release = store.draftRelease("shop", aDraft(n, { files: of }), askerName(by));
    const start = { release, contents, count: 1, policy: aPolicy(), steps: [], by };
    finish(store, store.startDeploy(start), "complete", { atMs: 2_000 + n });
    return release.number;
  };
  expect(deploy(1, files)).toBe(1);
  expect(Buffer.from(store.content(files[0]?.digest ?? "")).toString()).toBe("one");
  expect(fault(() => store.content(digestOf("three"))).code).toBe("state_corrupt");
  for (const n of [2, 3]) deploy(n, files.slice(1));
  store.pruneReleases("shop", 1);
  expect(fault(() => store.content(files[0]?.digest ?? "")).code).toBe("state_corrupt");
  expect(Buffer.from(store.content(files[1]?.digest ?? "")).toString()).toBe("two");
});

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
