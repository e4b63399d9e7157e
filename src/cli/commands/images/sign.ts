import { resolve } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import type { ImageKey } from "../../../trust/signing/keys.ts";
import type { Context, Outcome } from "../../context.ts";
import { isStdout, writeNewFiles } from "../../output/output-file.ts";
import { shortDigest } from "../../output/units.ts";
import { storedImage } from "./stored.ts";

/** `kiln image key FILE`: an existing file is never replaced, since images may be signed with its key. */
export async function key(context: Context, _options: object, file: string): Outcome {
  const { newImageKey, parsePublicKey } = await import("../../../trust/signing/keys.ts");
  if (isStdout(file))
    throw new KilnError("usage", "A private key is written to a file only.", { hint: "Name a file." });
  const path = resolve(context.cwd, file);
  const { privatePem, publicPem } = newImageKey();
  await writeNewFiles(
    [
      { path, mode: 0o600, text: privatePem },
      { path: `${path}.pub`, mode: 0o644, text: publicPem },
    ],
    "Name a FILE in a folder that you may write to, where neither FILE nor FILE.pub exists: keys are not replaced.",
  );
  const { id } = parsePublicKey(publicPem, `${path}.pub`);
  context.output.result({ keyId: id, privateKey: path, publicKey: `${path}.pub` }, [
    `The key ${id} signs images: ${path}. Keep it secret.`,
    `Its public half verifies signatures: ${path}.pub.`,
  ]);
  return 0;
}

interface SignOptions {
  readonly key?: string;
  readonly sbom?: boolean;
  readonly provenance?: boolean;
}

/** `kiln image sign IMAGE`. Needs no controller. `kiln image push` takes signatures along. */
export async function sign(context: Context, options: SignOptions, name: string): Outcome {
  const { state, clock, signal } = context;
  const [{ signImage, attest }, { imageStore }, signingKey, image] = await Promise.all([
    import("../../../trust/signing/sign.ts"),
    import("../../../image/store/image-store.ts"),
    keyOf(context, options.key),
    storedImage(context, name),
  ]);
  const statements = [
    ...(options.sbom ? [await billOf(context, image.digest)] : []),
    ...(options.provenance ? [await provenanceOf(context, image.digest)] : []),
  ];
  const store = imageStore(state);
  const signer = { key: signingKey, clock, signal };
  const signature = await signImage(store, image.digest, signer);
  const attached = [];
  for (const { what, ...statement } of statements) {
    attached.push({ what, ...(await attest(store, image.digest, statement, signer)) });
  }
  const did = signature.changed ? "Signed" : "Already signed:";
  context.output.result({ digest: image.digest, keyId: signingKey.id, signature, attached }, [
    `${did} ${image.service}:${image.version} (${shortDigest(image.digest)}) with the key ${signingKey.id}.`,
    ...attached.map(({ what }) => `Its ${what} is attached, signed with the same key.`),
  ]);
  return 0;
}

async function billOf({ state, signal }: Context, digest: string) {
  const [{ sbomOf }, { predicateTypes }] = await Promise.all([
    import("../../../trust/sbom/sbom.ts"),
    import("../../../trust/signing/statement.ts"),
  ]);
  const predicate = JSON.parse(await sbomOf(state, digest, "spdx", signal)) as object;
  return { what: "bill of materials", type: predicateTypes.spdx, predicate };
}

async function provenanceOf({ state }: Context, digest: string) {
  const [{ readProvenance }, { predicateTypes }] = await Promise.all([
    import("../../../trust/provenance/kept.ts"),
    import("../../../trust/signing/statement.ts"),
  ]);
  const predicate = await readProvenance(state, digest);
  return { what: "provenance", type: predicateTypes.provenance, predicate };
}

/** The key of a file, or the one that CI hands over in the environment; never one on the command line. */
async function keyOf({ cwd, env }: Context, file: string | undefined): Promise<ImageKey> {
  const { parseImageKey, readImageKey } = await import("../../../trust/signing/keys.ts");
  if (file !== undefined) return readImageKey(resolve(cwd, file));
  const { KILN_SIGNING_KEY: pem = "" } = env;
  if (pem !== "") return parseImageKey(pem, "KILN_SIGNING_KEY");
  throw new KilnError("usage", "No key to sign with is named.", {
    hint: "Name a private key with `--key FILE`, or set KILN_SIGNING_KEY to its PEM text. `kiln image key FILE` makes one.",
  });
}
