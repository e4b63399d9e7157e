import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { serviceAccount } from "./service-account.ts";

const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "6443" };

function accountFolder(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync("/tmp/kiln-");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

test("a pod finds its API server, the authority and its namespace; the token is read when it is needed", () => {
  const folder = accountFolder({ "ca.crt": "PEM", namespace: "kiln\n" });
  expect(serviceAccount(env, folder)).toMatchObject({
    ...{ server: "https://10.0.0.1:6443", authority: Buffer.from("PEM"), namespace: "kiln", insecure: false },
    user: { tokenFile: join(folder, "token"), token: undefined },
  });
  expect(serviceAccount({ KUBERNETES_SERVICE_HOST: "fd00::1" }, folder).server).toBe("https://[fd00::1]:443");
});

test("outside of a cluster, or without an account, it is said what is missing", () => {
  const outside = expect.objectContaining({
    code: "target_invalid",
    hint: expect.stringContaining("kubeconfig=PATH"),
  });
  expect(() => serviceAccount({}, accountFolder({}))).toThrow(outside);
  expect(() => serviceAccount(env, accountFolder({}))).toThrow(/has no .*ca\.crt/);
});
