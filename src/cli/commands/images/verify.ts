import { resolve } from "node:path";
import { type AdmissionRule, judge, policiesFor, refusing } from "../../../domain/policy/admission.ts";
import type { ImageStore } from "../../../image/store/image-store.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { PublicKey } from "../../../trust/signing/keys.ts";
import type { Context, Outcome } from "../../context.ts";
import { shortDigest } from "../../output/units.ts";
import { isInRegistry, withAttached } from "./in-registry.ts";
import { storedImage } from "./stored.ts";

interface VerifyOptions {
  readonly key?: readonly string[];
  readonly target?: string;
  readonly sbom?: boolean;
  readonly provenance?: boolean;
}

/** The image, with what is attached to it. */
interface Subject {
  readonly name: string;
  readonly digest: string;
  readonly store: ImageStore;
}

/** Whose signatures count, and what they have to show. Throws `signature_invalid`, `image_refused`. */
interface Demand {
  readonly keys: readonly PublicKey[];
  signature(
    subject: Subject,
  ): Promise<{ readonly keyIds: readonly string[]; readonly rules: readonly AdmissionRule[] }>;
}

/** `kiln image verify IMAGE`, in the store or in a registry. */
export async function run(context: Context, options: VerifyOptions, name: string): Outcome {
  const demand = await (options.key === undefined
    ? byPolicies(context, options.target)
    : byKeys(context, options.key));
  if (!isInRegistry(name)) return verify(context, options, demand, await storedSubject(context, name));
  return withAttached(context, name, async ({ store, digest, notTaken }) => {
    for (const { digest: own, why } of notTaken.named) context.output.note(`Not looked at: ${own}: ${why}`);
    return verify(context, options, demand, { name, store, digest });
  });
}

async function verify(context: Context, options: VerifyOptions, demand: Demand, subject: Subject): Outcome {
  const { digest } = subject;
  const { keyIds, rules } = await demand.signature(subject);
  const [{ predicateTypes }, { signersAmong }] = await Promise.all([
    import("../../../trust/signing/statement.ts"),
    import("../../../trust/signing/verify.ts"),
  ]);
  const sbom = await signersAmong(subject.store, digest, demand.keys, predicateTypes.spdx);
  const provenance = await signersAmong(subject.store, digest, demand.keys, predicateTypes.provenance);
  if (options.sbom && sbom.length === 0) throw missing(subject, "bill of materials", "--sbom");
  if (options.provenance && provenance.length === 0) throw missing(subject, "provenance", "--provenance");
  for (const rule of rules) if (!rule.passed) context.output.note(`warning: ${rule.because}`);
  const signedBy =
    keyIds.length === 0 ? "is not signed by a key that counts" : `is signed with ${keyIds.join(" and ")}`;
  context.output.result({ digest, keyIds, rules, attested: { sbom, provenance } }, [
    `${subject.name} (${shortDigest(digest)}) ${signedBy}.`,
    ...rules
      .filter(({ passed }) => passed)
      .map(({ target = "all targets", because }) => `The policy for ${target} is met: ${because}.`),
    ...(sbom.length > 0 ? [`Its bill of materials is signed with ${sbom.join(" and ")}.`] : []),
    ...(provenance.length > 0 ? [`Its provenance is signed with ${provenance.join(" and ")}.`] : []),
  ]);
  return 0;
}

async function storedSubject(context: Context, name: string): Promise<Subject> {
  const [{ imageStore }, { digest, service, version }] = await Promise.all([
    import("../../../image/store/image-store.ts"),
    storedImage(context, name),
  ]);
  return { name: `${service}:${version}`, store: imageStore(context.state), digest };
}

/** One of the keys in these files. */
async function byKeys(context: Context, files: readonly string[]): Promise<Demand> {
  const [{ readPublicKey }, { requireSignature }] = await Promise.all([
    import("../../../trust/signing/keys.ts"),
    import("../../../trust/signing/verify.ts"),
  ]);
  const keys = files.map((file) => readPublicKey(resolve(context.cwd, file)));
  return {
    keys,
    signature: async ({ store, digest }) => {
      const { key } = await requireSignature(store, digest, keys);
      return { keyIds: [key.id], rules: [] };
    },
  };
}

/** What the image policies of the installation ask for on a target, as a deploy there is decided. */
async function byPolicies(context: Context, target: string | undefined): Promise<Demand> {
  const [{ signersAmong }, client] = await Promise.all([
    import("../../../trust/signing/verify.ts"),
    context.connect(),
  ]);
  if (target !== undefined) await client.target({ target });
  const trust = await client.trust({});
  const policies = policiesFor(trust.policies, target);
  if (policies.length === 0) throw nothingAsked(target);
  const named = trust.keys.filter(({ name }) => policies.some(({ signedBy }) => signedBy.includes(name)));
  const keys = named.map(({ keyId, publicKey }) => ({ id: keyId, pem: publicKey }));
  const good = new Set(named.flatMap(({ keyId, revoked }) => (revoked === undefined ? [keyId] : [])));
  return {
    keys: keys.filter(({ id }) => good.has(id)),
    signature: async ({ store, digest, name }) => {
      const signers = new Set(await signersAmong(store, digest, keys));
      const rules = judge(policies, trust.keys, signers);
      const [first] = refusing(rules);
      if (first !== undefined) throw refused(name, digest, first);
      return { keyIds: [...signers].filter((id) => good.has(id)), rules };
    },
  };
}

function nothingAsked(target = "any target"): KilnError {
  return new KilnError("usage", `No image policy asks for a signature on ${target}, and no key is named.`, {
    hint: "Name public keys with `--key FILE`, or make a policy: `kiln trust require NAME`. `kiln trust ls` lists them.",
  });
}

function refused(name: string, digest: string, { target, because, signedBy = [] }: AdmissionRule): KilnError {
  const whose = target === undefined ? "this installation" : `the target ${target}`;
  const asked = signedBy.join(" or ");
  return new KilnError(
    "image_refused",
    `The image policy of ${whose} refuses ${name} (${digest}): ${because}.`,
    {
      hint: isInRegistry(name)
        ? `Sign it with ${asked} where it is built, and push it again: \`kiln image push\` takes signatures along.`
        : `Sign it with ${asked}: \`kiln image sign ${digest.slice("sha256:".length, 19)} --key FILE\``,
    },
  );
}

function missing({ name, digest }: Subject, what: string, option: string): KilnError {
  return new KilnError(
    "signature_invalid",
    `${name} (${digest}) has no ${what} that one of these keys has signed.`,
    {
      hint: `Where it was built, \`kiln image sign IMAGE --key FILE ${option}\` attaches it signed.`,
    },
  );
}
