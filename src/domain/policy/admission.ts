import { localTarget, type TargetName } from "../target.ts";

/** A key of the installation whose signatures of images count. */
export interface TrustedKey {
  readonly name: string;
  /** Sixteen hex digits that identify the key. */
  readonly keyId: string;
  /** PEM (SubjectPublicKeyInfo). */
  readonly publicKey: string;
  readonly addedAtMs: number;
  readonly addedBy: string;
  /** Its signatures no longer count, whenever they were made. */
  readonly revoked: { readonly atMs: number; readonly by: string; readonly reason: string } | undefined;
}

/** Which images may run: those that one of these keys has signed. */
export interface ImagePolicy {
  /** Undefined: on every target. */
  readonly target: TargetName | undefined;
  /** Whether another image is refused, or deployed with a warning. */
  readonly mode: "enforce" | "warn";
  /** Names of trusted keys. One of them is enough. */
  readonly signedBy: readonly string[];
}

/** What the policies said of a release when servers of it were last asked for. */
export interface Admission {
  readonly atMs: number;
  readonly rules: readonly AdmissionRule[];
  /** Someone let it through against the rules that have not passed. Absent: no one had to. */
  readonly breakGlass?: boolean | undefined;
  /** The digest of the plan that approvals were asked for. Absent: none were. */
  readonly plan?: string | undefined;
}

/** What one policy said. */
export interface AdmissionRule {
  /** `signature` is about the image, the others are about the beginning of a rollout. */
  readonly kind:
    | "signature"
    | "freeze"
    | "window"
    | "reason"
    | "soak"
    | "approvals"
    | "pipeline"
    | "from"
    | "metadata";
  readonly mode: ImagePolicy["mode"];
  readonly passed: boolean;
  /** One clause: `signed by release (4f1c...)`. */
  readonly because: string;
  /** Where the rule stands: `policy.yaml:12`, `freeze 3`. Absent: in an image policy. */
  readonly place?: string | undefined;
  /** What would satisfy it, one sentence. */
  readonly remedy?: string | undefined;
  /** Of an image policy: its target (absent: every one), and the keys it asks for. */
  readonly target?: TargetName | undefined;
  readonly signedBy?: readonly string[] | undefined;
}

/** Rules that refuse. */
export function refusing(rules: readonly AdmissionRule[]): readonly AdmissionRule[] {
  return rules.filter(({ passed, mode }) => !passed && mode === "enforce");
}

/** The policies that hold for a target, the installation's own first. */
export function policiesFor(
  policies: readonly ImagePolicy[],
  target: TargetName = localTarget.name,
): readonly ImagePolicy[] {
  return policies.filter((policy) => policy.target === undefined || policy.target === target);
}

/** All policies must be met; `signers` are the ids of the keys that have signed the image. */
export function judge(
  policies: readonly ImagePolicy[],
  keys: readonly TrustedKey[],
  signers: ReadonlySet<string>,
): readonly AdmissionRule[] {
  return policies.map((policy) => {
    const asked = policy.signedBy.flatMap((name) => keys.find((key) => key.name === name) ?? []);
    const signed = asked.filter(({ keyId }) => signers.has(keyId));
    const good = signed.find(({ revoked }) => revoked === undefined);
    if (good !== undefined) {
      return {
        kind: "signature",
        ...policy,
        passed: true,
        because: `signed by ${good.name} (${good.keyId})`,
      };
    }
    return {
      kind: "signature",
      ...policy,
      passed: false,
      because: [...signed.map(revokedWords), whatIsMissing(policy)].join("; "),
    };
  });
}

function revokedWords({ name, keyId, revoked }: TrustedKey): string {
  return `signed by ${name} (${keyId}), which ${revoked?.by} revoked: ${revoked?.reason}`;
}

function whatIsMissing({ signedBy }: ImagePolicy): string {
  return `no valid signature by ${signedBy.join(" or ")}`;
}
