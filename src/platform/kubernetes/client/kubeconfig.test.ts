import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readKubeconfig } from "./kubeconfig.ts";

function inFolder<T>(files: Readonly<Record<string, string>>, work: (folder: string) => T): T {
  const folder = mkdtempSync("/tmp/kiln-");
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const whole = `
apiVersion: v1
kind: Config
current-context: one
contexts:
- { name: one, context: { cluster: here, user: me, namespace: shop } }
- { name: two, context: { cluster: away, user: you } }
- { name: three, context: { cluster: away, user: old } }
clusters:
- { name: here, cluster: { server: "https://10.0.0.1:6443/", certificate-authority: ca.pem, tls-server-name: kubernetes } }
- { name: away, cluster: { server: "https://away.example", insecure-skip-tls-verify: true } }
users:
- { name: me, user: { client-certificate-data: Y2VydA==, client-key: key.pem } }
- { name: you, user: { exec: { apiVersion: client.authentication.k8s.io/v1, command: ./login, args: [x], env: [{ name: A, value: b }] } } }
- { name: old, user: { username: admin, password: x } }
`;
const files = { config: whole, "ca.pem": "authority", "key.pem": "key" };

test("the current context names server, namespace and user; files are relative to the kubeconfig", () => {
  const found = inFolder(files, (folder) => readKubeconfig(join(folder, "config"), undefined));
  expect(found).toMatchObject({
    server: "https://10.0.0.1:6443",
    serverName: "kubernetes",
    insecure: false,
    namespace: "shop",
  });
  expect([found.authority, found.user.certificate, found.user.key].map(String)).toEqual([
    "authority",
    "cert",
    "key",
  ]);
});

test("another context can be named, and a plugin's path is relative too", () => {
  const [found, folder] = inFolder(files, (at) => [readKubeconfig(join(at, "config"), "two"), at] as const);
  expect(found).toMatchObject({ server: "https://away.example", insecure: true, namespace: undefined });
  expect(found.user.exec).toMatchObject({ argv: [join(folder, "login"), "x"], env: { A: "b" } });
});

test.each([
  ["a context that is not there", "four", whole, /has no context four/],
  ["a user by name and password", "three", whole, /authenticates by `username`/],
  ["no context at all", undefined, "apiVersion: v1", /has no current context/],
  [
    "a cluster that is not there",
    undefined,
    whole.replace("name: here,", "name: gone,"),
    /has no cluster here/,
  ],
  ["a proxy", undefined, whole.replace("tls-server-name: kubernetes", 'proxy-url: "http://p"'), /proxy-url/],
  ["no YAML", undefined, "a: [", /cannot be read/],
  ["a server that is none", undefined, whole.replace("https://10.0.0.1:6443/", "ftp://x"), /is not valid/],
])("%s is reported with the file and a remedy", (_, context, config, message) => {
  const read = () =>
    inFolder({ ...files, config }, (folder) => readKubeconfig(join(folder, "config"), context));
  expect(read).toThrow(
    expect.objectContaining({
      code: "target_invalid",
      message: expect.stringMatching(message),
      hint: expect.any(String),
    }),
  );
});

test("a file that the kubeconfig names and that is not there is reported by its name", () => {
  const read = () =>
    inFolder({ config: whole, "ca.pem": "authority" }, (folder) =>
      readKubeconfig(join(folder, "config"), undefined),
    );
  expect(read).toThrow(/key\.pem/);
});
