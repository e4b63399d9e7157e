import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { authorityIn, checkOptions, type InstallOptions, kubeconfigOf, serversOf } from "./options.ts";

const good: InstallOptions = {
  ...{ registry: "registry.example/team", namespace: "kiln", target: "cluster", expose: "ClusterIP" },
  ...{ storage: "10Gi", wait: true },
};

const wrong: readonly (readonly [what: string, change: Partial<InstallOptions>, words: string])[] = [
  ["a name with a capital", { namespace: "Kiln" }, "--namespace is Kiln; expected the name of a namespace"],
  ["a name of 64 characters", { servers: "a".repeat(64) }, "at most 63"],
  ["a name that becomes too long", { namespace: "a".repeat(60) }, "longer than 63 characters"],
  ["the target `local`", { target: "local" }, "not `local`"],
  ["an image without a digest", { image: "registry.example/kiln:1" }, "by its digest"],
  ["no storage", { storage: "0Gi" }, "a size in Mi, Gi or Ti"],
  ["a registry with a tag's user", { registry: "me@registry.example" }, "expected a registry"],
  ["a name of a Secret with a slash", { registrySecret: "kiln/login" }, "the name of a Secret"],
  ["a StorageClass with capitals", { storageClass: "Fast" }, "the name of a StorageClass"],
  [
    "a host with a port",
    { host: ["kiln.example.com", "kiln.example.com:7443"] },
    "--host is kiln.example.com:7443",
  ],
  ["a kubeconfig without --apply", { kubeconfig: "file" }, "--kubeconfig counts only with --apply"],
  [
    "others without --apply",
    { context: "prod", wait: false },
    "--context, --no-wait counts only with --apply",
  ],
];

test.each(wrong)("%s is refused, with what to write", (_what, change, words) => {
  expect(() => checkOptions({ ...good, ...change })).toThrow(
    expect.objectContaining({
      code: "usage",
      message: expect.stringContaining(words),
      hint: expect.stringMatching(/--/),
    }),
  );
});

test("what a cluster takes is accepted", () => {
  checkOptions(good);
  checkOptions({
    ...good,
    host: ["kiln.example.com", "192.0.2.7", "2001:db8::7"],
    registry: "http://127.0.0.1:5000/kiln",
  });
  checkOptions({ ...good, apply: true, kubeconfig: "file", context: "prod", wait: false });
  checkOptions({ ...good, namespace: "a".repeat(60), servers: "servers" });
  expect(serversOf(good)).toBe("kiln-servers");
});

test("a kubeconfig is the one that is named, the one of KUBECONFIG that is there, or the usual one", () => {
  const folder = mkdtempSync("/tmp/kiln-install-");
  try {
    const [one, two, none] = ["one", "two", "none"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(one, "");
    writeFileSync(two, "");
    const find = (env: Record<string, string>, kubeconfig?: string) =>
      kubeconfigOf({ env, cwd: folder }, kubeconfig === undefined ? {} : { kubeconfig });
    expect(find({ KUBECONFIG: two }, "one")).toBe(one);
    expect(find({ KUBECONFIG: `${none}:${two}:` })).toBe(two);
    expect(() => find({ KUBECONFIG: `${one}:${two}` })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("kubectl config view --flatten") }),
    );
    expect(() => find({ KUBECONFIG: none })).toThrow(`There is no kubeconfig ${none}`);
    expect(() => find({ HOME: folder })).toThrow(".kube/config");
    expect(() => find({}, "none")).toThrow(`There is no kubeconfig ${none}`);
    expect(() => find({})).toThrow("Nothing names a kubeconfig");
    expect(() => authorityIn({ cwd: folder }, "one")).toThrow("has no certificate in PEM");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
