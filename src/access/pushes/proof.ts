import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** By what a message shows that it comes from someone who has the secret. */
export type Proof =
  /** The HMAC-SHA256 of its body. */
  { readonly kind: "mac"; readonly mac: Buffer } | { readonly kind: "secret"; readonly secret: string };

/**
 * `sha256=` and hex at GitHub ("Validating webhook deliveries") and Bitbucket ("Secure webhooks"); hex at Gitea and Forgejo ("Webhooks"). The
 * first one that has this form is taken: some forges also send others, with SHA-1.
 */
const macHeaders = [
  ...["x-hub-signature-256", "x-hub-signature", "x-forgejo-signature", "x-gitea-signature"],
];
const macForm = /^(?:sha256=)?([0-9a-f]{64})$/;

/** GitLab ("Webhooks", secret token). */
const secretHeader = "x-gitlab-token";

/** Undefined for a message without one. */
export function proofOf(headers: IncomingHttpHeaders): Proof | undefined {
  for (const name of macHeaders) {
    const [, hex] = macForm.exec(`${headers[name] ?? ""}`) ?? [];
    if (hex !== undefined) return { kind: "mac", mac: Buffer.from(hex, "hex") };
  }
  const secret = headers[secretHeader];
  return typeof secret === "string" && secret !== "" ? { kind: "secret", secret } : undefined;
}

/** Checks what proves a message while its body comes, which is never kept. */
export class ProofCheck {
  readonly #proof: Proof;
  readonly #secrets: readonly string[];
  readonly #macs: ReturnType<typeof createHmac>[];
  readonly #body = createHash("sha256");

  constructor(proof: Proof, secrets: readonly string[]) {
    this.#proof = proof;
    this.#secrets = secrets;
    this.#macs = proof.kind === "mac" ? secrets.map((secret) => createHmac("sha256", secret)) : [];
  }

  /** Whether it can still prove to be right: the secret itself is known to be wrong before there is a body. */
  get isPossible(): boolean {
    const proof = this.#proof;
    return proof.kind === "mac" || this.#secrets.some((secret) => isSameText(secret, proof.secret));
  }

  take(piece: Uint8Array): void {
    for (const mac of this.#macs) mac.update(piece);
    this.#body.update(piece);
  }

  /** Once, after the whole body; `digest` names the body. Takes the same time wherever they differ. */
  end(): { readonly isProved: boolean; readonly digest: string } {
    const digest = this.#body.digest("hex");
    const proof = this.#proof;
    if (proof.kind === "secret") return { isProved: this.isPossible, digest };
    const macs = this.#macs.map((mac) => mac.digest());
    return { isProved: macs.some((mac) => timingSafeEqual(mac, proof.mac)), digest };
  }
}

/** By their digests, which have one length. */
function isSameText(one: string, other: string): boolean {
  const digestOf = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digestOf(one), digestOf(other));
}
