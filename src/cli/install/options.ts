import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import type { InClusterController } from "../../platform/kubernetes/install/manifests.ts";
import type { Context } from "../context.ts";

/** What `kiln install kubernetes` is given. */
export interface InstallOptions {
  readonly registry: string;
  readonly image?: string;
  readonly registrySecret?: string;
  readonly registryCa?: string;
  readonly namespace: string;
  readonly servers?: string;
  readonly target: string;
  readonly expose: InClusterController["expose"];
  readonly host?: readonly string[];
  readonly storage: string;
  readonly storageClass?: string;
  readonly apply?: true;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly wait: boolean;
}

export function serversOf({ namespace, servers = `${namespace}-servers` }: InstallOptions): string {
  return servers;
}

/** RFC 1123, section 2.1, as Kubernetes asks for it: names of namespaces, and parts of other names. */
const label = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
const dnsName = new RegExp(`^(?=.{1,253}$)${label}(\\.${label})*$`);
const address = /^(\d{1,3}\.){3}\d{1,3}$|^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/;

/** What a cluster would refuse amid the work, and what would have no effect. Throws `usage`. */
export function checkOptions(options: InstallOptions): void {
  const { namespace, target, image, storage, registry, registrySecret, storageClass, host = [] } = options;
  const expect = (
    option: string,
    value: string | undefined,
    pattern: RegExp,
    expected: string,
    example: string,
  ) => {
    if (value === undefined || pattern.test(value)) return;
    throw new KilnError("usage", `--${option} is ${value}; expected ${expected}.`, {
      hint: `For example: --${option} ${example}`,
    });
  };
  const name = new RegExp(`^${label}$`);
  const ofNamespace = "the name of a namespace: at most 63 lower-case letters, digits and hyphens";
  expect("namespace", namespace, name, ofNamespace, "kiln");
  if (options.servers === undefined && !name.test(serversOf(options)))
    throw new KilnError(
      "usage",
      `The servers' namespace would be ${serversOf(options)}, which is longer than 63 characters.`,
      {
        hint: "Name it: --servers kiln-servers",
      },
    );
  expect("servers", options.servers, name, ofNamespace, "kiln-servers");
  expect(
    "target",
    target,
    /^(?!local$)[a-z][a-z0-9-]{0,31}$/,
    "lower-case letters, digits and hyphens, and not `local`, which is the controller's machine",
    "cluster",
  );
  expect(
    "image",
    image,
    /^[^\s@]+@sha256:[0-9a-f]{64}$/,
    "an image by its digest: HOST/NAME@sha256:…",
    "registry.example/kiln-controller@sha256:…",
  );
  expect("storage", storage, /^[1-9]\d*(Mi|Gi|Ti)$/, "a size in Mi, Gi or Ti", "10Gi");
  expect(
    "registry",
    registry,
    /^(http:\/\/)?[^/\s@]+(\/[a-z0-9._/-]+)?$/,
    "a registry",
    "registry.example/team",
  );
  expect("registry-secret", registrySecret, dnsName, "the name of a Secret", "registry-login");
  expect("storage-class", storageClass, dnsName, "the name of a StorageClass", "standard");
  for (const each of host)
    if (!address.test(each))
      expect("host", each, dnsName, "a host name or an IP address", "kiln.example.com");
  requireEffect(options);
}

/** Throws `usage` for an option that only counts with `--apply`. */
function requireEffect({ apply, kubeconfig, context, wait }: InstallOptions): void {
  if (apply === true) return;
  const given = { "--kubeconfig": kubeconfig, "--context": context, "--no-wait": wait ? undefined : true };
  const idle = Object.entries(given).flatMap(([option, value]) => (value === undefined ? [] : [option]));
  if (idle.length === 0) return;
  throw new KilnError("usage", `${idle.join(", ")} counts only with --apply.`, {
    hint: "Add --apply, or leave it out: without --apply the manifests are printed, and no cluster is asked.",
  });
}

/** The file that a cluster is asked with. Throws `usage`. */
export function kubeconfigOf(
  { env, cwd }: Pick<Context, "env" | "cwd">,
  { kubeconfig }: Pick<InstallOptions, "kubeconfig">,
): string {
  if (kubeconfig !== undefined) return required(resolve(cwd, kubeconfig));
  const listed = (env.KUBECONFIG ?? "").split(delimiter).filter(Boolean);
  if (listed.length === 0) {
    if (env.HOME !== undefined) return required(join(env.HOME, ".kube/config"));
    throw new KilnError("usage", "Nothing names a kubeconfig.", { hint: "Give one: --kubeconfig FILE" });
  }
  // kubectl passes over files that are not there, too.
  const there = listed.map((path) => resolve(cwd, path)).filter((path) => existsSync(path));
  if (there.length > 1)
    throw new KilnError("usage", `KUBECONFIG names ${there.length} files: ${there.join(", ")}.`, {
      hint: "Give one: --kubeconfig FILE. `kubectl config view --flatten --minify` prints the current context of all as one file.",
    });
  return there[0] ?? required(resolve(cwd, listed[0] ?? ""));
}

function required(path: string): string {
  if (existsSync(path)) return path;
  throw new KilnError("usage", `There is no kubeconfig ${path}.`, {
    hint: "Name the file: --kubeconfig FILE, or KUBECONFIG.",
  });
}

/** Throws `usage`. */
export function authorityIn({ cwd }: Pick<Context, "cwd">, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const text = textOf(resolve(cwd, path), path);
  try {
    // Certificates alone: what is returned is printed, and a file may hold a private key next to them.
    const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (certificates.length === 0) throw new Error("no certificate in PEM");
    for (const certificate of certificates) new X509Certificate(certificate);
    return `${certificates.join("\n")}\n`;
  } catch (cause) {
    throw new KilnError("usage", `${path} has no certificate in PEM that can be read.`, {
      cause,
      hint: "It begins with `-----BEGIN CERTIFICATE-----`. `openssl x509 -inform der -in FILE` prints one of another form so.",
    });
  }
}

function textOf(file: string, path: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new KilnError("usage", `${path} cannot be read: ${toKilnError(error).message}`, {
      hint: "Name the file of the registry's authority: --registry-ca FILE.",
    });
  }
}
