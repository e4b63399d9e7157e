import { generateKeyPairSync, webcrypto } from "node:crypto";
import { Agent } from "node:https";
import { rootCertificates } from "node:tls";
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";
import acme from "acme-client";
import { challengeName, runHook } from "./dns-hook.ts";
import type { Order, OrderAnswer, OrderMessage } from "./order.ts";

/** A process that answers one message and ends. */
process.once("message", async (message: OrderMessage) => {
  const answer = await ("order" in message ? issued(message.order) : selfSigned(message.placeholder))
    .then((pem): OrderAnswer => ({ pem }))
    .catch((error: Error): OrderAnswer => ({ error: error.message }));
  process.send?.(answer, () => process.exit(0));
});
process.once("disconnect", () => process.exit(0));

/** A chain has some 10 KiB. */
const longestAnswer = 256 * 1024;

/**
 * HTTP-01 (RFC 8555, section 8.3): the router answers every challenge of the account by itself. DNS-01 (section 8.4): the hook
 * adds records, one after the other, because two challenges may be about one name.
 */
async function issued({ directory, email, accountKey, hosts, hook, authority }: Order): Promise<string> {
  // One pause of 5 s, not five of up to 80 s: the controller tries again. It is not among the library's types.
  Object.assign(Object(acme.axios.defaults).acmeSettings, { retryMaxAttempts: 1 });
  if (authority !== undefined) {
    acme.axios.defaults.httpsAgent = new Agent({ ca: [...rootCertificates, authority] });
  }
  acme.axios.defaults.maxContentLength = longestAnswer;
  const client = new acme.Client({ directoryUrl: directory, accountKey });
  await openAccount(client, email);
  const key = newKey();
  const [, csr] = await acme.crypto.createCsr({ altNames: [...hosts] }, key);
  let before: Promise<void> = Promise.resolve();
  const change =
    (action: "present" | "cleanup") => async (authz: acme.Authorization, _: unknown, value: string) => {
      if (hook === undefined) return;
      const name = challengeName(authz.identifier.value, hosts);
      const done = before.then(() => runHook(hook, action, name, value));
      before = done.catch(() => {});
      await done;
    };
  const chain = await client.auto({
    csr,
    challengePriority: [hook === undefined ? "http-01" : "dns-01"],
    // Whether the names lead here is for the authority to find out: from here they may lead elsewhere.
    skipChallengeVerification: true,
    challengeCreateFn: change("present"),
    challengeRemoveFn: change("cleanup"),
  });
  return `${chain.trim()}\n${key}`;
}

async function openAccount(client: acme.Client, email: string | undefined): Promise<void> {
  const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
  try {
    await client.createAccount({ termsOfServiceAgreed: true, ...contact });
  } catch (error) {
    // The library updates an account that is there already, and authorities may refuse an update that says nothing.
    if (!hasAccount(client)) throw error;
  }
}

function hasAccount(client: acme.Client): boolean {
  try {
    return client.getAccountUrl() !== "";
  } catch {
    return false;
  }
}

const placeholderYears = 10;

async function selfSigned(hosts: readonly string[]): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const now = new Date();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Kiln waits for a certificate",
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now.getTime() - 3_600_000),
    notAfter: new Date(now.getTime() + placeholderYears * 365 * 24 * 3_600_000),
    extensions: [new SubjectAlternativeNameExtension(hosts.map((value) => ({ type: "dns", value })))],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return `${certificate.toString("pem")}\n-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`;
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
