import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findCredentials } from "./credentials.ts";
import { eraseLogin, listLogins, storeLogin } from "./stored-logins.ts";

function home(): Disposable & { readonly folder: string; docker(config: object): void } {
  const folder = mkdtempSync(join(tmpdir(), "kiln-"));
  mkdirSync(join(folder, ".docker"));
  return {
    folder,
    docker: (config) => writeFileSync(join(folder, ".docker/config.json"), JSON.stringify(config)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

const auth = (text: string) => ({ auth: Buffer.from(text).toString("base64") });

test("the entry of a host is found under each form of its name; a password may have colons", async () => {
  using here = home();
  const find = (host: string) => findCredentials({ HOME: here.folder }, host);
  here.docker({ auths: { "https://a.example/v1/": auth("ann:x:y"), "b.example:5000": auth("bob:b") } });
  expect(await find("a.example")).toEqual({ kind: "password", user: "ann", password: "x:y" });
  expect(await find("b.example:5000")).toEqual({ kind: "password", user: "bob", password: "b" });
  expect(await find("b.example")).toBeUndefined();
  here.docker({ auths: { "https://index.docker.io/v1/": auth("hub:h") } });
  expect(await find("docker.io")).toEqual({ kind: "password", user: "hub", password: "h" });
  here.docker({ auths: { "a.example": { identitytoken: "refresh" } } });
  expect(await find("a.example")).toEqual({ kind: "identity", token: "refresh" });
});

test("later files are read for what the first one lacks; REGISTRY_AUTH_FILE stands for all", async () => {
  using here = home();
  here.docker({ auths: { "a.example": {} } });
  mkdirSync(join(here.folder, "run/containers"), { recursive: true });
  const podman = join(here.folder, "run/containers/auth.json");
  writeFileSync(podman, JSON.stringify({ auths: { "a.example": auth("ann:a") } }));
  const env = { HOME: here.folder, XDG_RUNTIME_DIR: join(here.folder, "run") };
  expect(await findCredentials(env, "a.example")).toMatchObject({ user: "ann" });
  const other = { ...env, REGISTRY_AUTH_FILE: join(here.folder, "none.json") };
  expect(await findCredentials(other, "a.example")).toBeUndefined();
});

test("a helper gets the host on standard input, and its secret shows in no error", async () => {
  using here = home();
  const helper = "/usr/local/bin/docker-credential-kiln-test";
  if (process.getuid?.() !== 0) return console.log("skipped: root not here");
  const script = (text: string) => {
    mkdirSync("/usr/local/bin", { recursive: true });
    writeFileSync(helper, `#!/bin/sh\nread -r host\n${text}\n`);
    chmodSync(helper, 0o755);
  };
  here.docker({ credHelpers: { "a.example": "kiln-test" }, auths: { "a.example": {} } });
  const find = () => findCredentials({ HOME: here.folder }, "a.example");
  try {
    script(`printf '{"Username":"%s","Secret":"s"}' "$host"`);
    expect(await find()).toEqual({ kind: "password", user: "a.example", password: "s" });
    script(`echo '{"Username":"<token>","Secret":"t"}'`);
    expect(await find()).toEqual({ kind: "identity", token: "t" });
    script("echo credentials not found in native keychain; exit 1");
    expect(await find()).toBeUndefined();
    script(`echo "$host" > ${here.folder}/asked.$1; echo '{"Username":"ann","Secret":"s"}'`);
    const env = { HOME: here.folder };
    here.docker({ credsStore: "kiln-test" });
    const place = "docker-credential-kiln-test";
    const ann = { kind: "password", user: "ann", password: "p" } as const;
    expect(await storeLogin(env, "a.example", ann)).toMatchObject({ place });
    const asked = (verb: string) => readFileSync(join(here.folder, `asked.${verb}`), "utf8");
    expect(JSON.parse(asked("store"))).toEqual({ ServerURL: "a.example", Username: "ann", Secret: "p" });
    expect(readFileSync(join(here.folder, ".docker/config.json"), "utf8")).not.toContain("auths");
    expect(await eraseLogin(env, "a.example")).toEqual([place]);
    expect(asked("erase")).toBe("a.example\n");
    script(`echo '{"https://a.example":"ann"}'`);
    expect((await listLogins(env)).logins).toEqual([{ host: "a.example", user: "ann", place }]);
    script("echo hunter2; echo hunter2 >&2; exit 1");
    const error = await find().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "registry_denied" });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("hunter2");
  } finally {
    rmSync(helper, { force: true });
  }
});

test("a file that is not JSON is named, and not quoted", async () => {
  using here = home();
  writeFileSync(join(here.folder, ".docker/config.json"), "hunter2");
  const error = await findCredentials({ HOME: here.folder }, "a.example").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "registry_denied" });
  expect(String(error)).toContain("config.json");
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("hunter2");
});
