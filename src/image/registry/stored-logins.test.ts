import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findCredentials } from "./credentials.ts";
import { eraseLogin, listLogins, storeLogin } from "./stored-logins.ts";

function home(): Disposable & { readonly folder: string; readonly env: Record<string, string> } {
  const folder = mkdtempSync(join(tmpdir(), "kiln-"));
  const env = { HOME: folder, XDG_RUNTIME_DIR: join(folder, "run") };
  return { folder, env, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

const ann = { kind: "password", user: "ann", password: "s:cret pw" } as const;

test("what is stored is found again, replaces what was there, and goes away", async () => {
  using here = home();
  const path = join(here.folder, ".docker/config.json");
  expect(await storeLogin(here.env, "a.example:5000", ann)).toEqual({
    ...{ host: "a.example:5000", user: "ann", place: path },
  });
  expect([statSync(path).mode & 0o777, statSync(join(path, "..")).mode & 0o777]).toEqual([0o600, 0o700]);
  await storeLogin(here.env, "docker.io", { kind: "identity", token: "t" });
  expect(await findCredentials(here.env, "a.example:5000")).toEqual(ann);
  expect(await findCredentials(here.env, "docker.io")).toEqual({ kind: "identity", token: "t" });
  await storeLogin(here.env, "a.example:5000", { ...ann, user: "bob" });
  expect((await listLogins(here.env)).logins).toEqual([
    { host: "a.example:5000", user: "bob", place: path },
    { host: "index.docker.io", user: undefined, place: path },
  ]);
  expect(await eraseLogin(here.env, "a.example:5000")).toEqual([path]);
  expect(await findCredentials(here.env, "a.example:5000")).toBeUndefined();
  expect(await eraseLogin(here.env, "a.example:5000")).toEqual([]);
});

test("other members of the file stay, a link to it too, and only its owner may read it then", async () => {
  using here = home();
  const real = join(here.folder, "real.json");
  const path = join(here.folder, "auth.json");
  const auth = Buffer.from("old:o").toString("base64");
  writeFileSync(
    real,
    JSON.stringify({ HttpHeaders: { "X-A": "1" }, auths: { "https://a.example/v1/": { auth } } }),
  );
  chmodSync(real, 0o644);
  symlinkSync("real.json", path);
  const env = { ...here.env, REGISTRY_AUTH_FILE: path };
  await storeLogin(env, "a.example", ann);
  expect(JSON.parse(readFileSync(real, "utf8"))).toEqual({
    HttpHeaders: { "X-A": "1" },
    auths: { "a.example": { auth: Buffer.from("ann:s:cret pw").toString("base64") } },
  });
  expect(statSync(real).mode & 0o777).toBe(0o600);
});

test("credentials are removed from each file where they would be found", async () => {
  using here = home();
  const podman = { ...here.env, REGISTRY_AUTH_FILE: join(here.folder, "run/containers/auth.json") };
  await storeLogin(podman, "a.example", ann);
  await storeLogin(here.env, "a.example", { ...ann, user: "bob" });
  expect(await eraseLogin(here.env, "a.example")).toHaveLength(2);
  expect(await findCredentials(here.env, "a.example")).toBeUndefined();
});

test.each([{ credsStore: "" }, { credsStore: "kiln-missing", credHelpers: { "a.example": "" } }])(
  "%j: an empty name of a helper stands for the file itself",
  async (config) => {
    using here = home();
    const path = join(here.folder, "auth.json");
    writeFileSync(path, JSON.stringify(config));
    const env = { ...here.env, REGISTRY_AUTH_FILE: path };
    expect(await storeLogin(env, "a.example", ann)).toMatchObject({ place: path });
    expect(await findCredentials(env, "a.example")).toEqual(ann);
    expect(await eraseLogin(env, "a.example")).toEqual([path]);
  },
);

test("no helper is asked for what it has where the name of it is empty", async () => {
  using here = home();
  const path = join(here.folder, "auth.json");
  writeFileSync(path, JSON.stringify({ credsStore: "", credHelpers: { "b.example": "" } }));
  expect((await listLogins({ ...here.env, REGISTRY_AUTH_FILE: path })).logins).toEqual([]);
});

test("a file that is not one of credentials is not replaced", async () => {
  using here = home();
  const path = join(here.folder, "auth.json");
  writeFileSync(path, "hunter2");
  const error = await storeLogin({ REGISTRY_AUTH_FILE: path }, "a.example", ann).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: "registry_denied", message: expect.stringContaining(path) });
  expect(readFileSync(path, "utf8")).toBe("hunter2");
  await expect(storeLogin({}, "a.example", ann)).rejects.toMatchObject({ code: "usage" });
});

test("of logins at once none is lost", async () => {
  using here = home();
  const hosts = Array.from({ length: 12 }, (_, i) => `r${i}.example`).toSorted();
  await Promise.all(hosts.map((host) => storeLogin(here.env, host, ann)));
  expect((await listLogins(here.env)).logins.map(({ host }) => host)).toEqual(hosts);
});

test("a credential helper that is missing is named, and the others are listed", async () => {
  using here = home();
  const path = join(here.folder, ".docker/config.json");
  await storeLogin(here.env, "a.example", ann);
  const config = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...config, credHelpers: { "b.example": "none-of-this-name" } }));
  const { logins, faults } = await listLogins(here.env);
  expect(logins.map(({ host }) => host)).toEqual(["a.example"]);
  expect(faults.map(({ message }) => message)).toEqual([
    expect.stringContaining("docker-credential-none-of-this-name"),
  ]);
});
