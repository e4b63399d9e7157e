import { type Admission, type AdmissionRule, judge, policiesFor } from "../../domain/admission.ts";
import type { ImageDigest } from "../../domain/ids.ts";
import type { TargetName } from "../../domain/target.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import type { Images } from "../operations/images.ts";

/** Whose signatures an image has, among the installation's keys. Found before a change is recorded, since it reads files. */
export type Signers = ReadonlySet<string>;

/** Nothing is read where no policy asks. */
export async function signersOf(
  { store, images }: { readonly store: Store; readonly images: Images },
  image: ImageDigest,
): Promise<Signers> {
  const named = new Set(store.imagePolicies().flatMap(({ signedBy }) => signedBy));
  if (named.size === 0) return new Set();
  return new Set(
    await images.signers?.(
      image,
      store.trustedKeys().filter(({ name }) => named.has(name)),
    ),
  );
}

/**
 * What the policies of a target say now of an image; undefined where there are none. Throws `image_refused` when one of them refuses
 * it. It does not wait, so that it can be asked in the transaction that records a change.
 */
export function admit(
  store: Store,
  {
    target,
    image,
    signers,
    nowMs,
  }: {
    readonly target: TargetName | undefined;
    readonly image: ImageDigest;
    readonly signers: Signers;
    readonly nowMs: number;
  },
): Admission | undefined {
  const rules = judge(policiesFor(store.imagePolicies(), target), store.trustedKeys(), signers);
  const refusing = rules.find(({ passed, mode }) => !passed && mode === "enforce");
  if (refusing !== undefined) throw refused(image, refusing);
  return rules.length === 0 ? undefined : { atMs: nowMs, rules };
}

function refused(image: ImageDigest, { target, because, signedBy }: AdmissionRule): KilnError {
  const whose = target === undefined ? "this installation" : `the target ${target}`;
  return new KilnError("image_refused", `The image policy of ${whose} refuses ${image}: ${because}.`, {
    hint: `Sign it with ${signedBy.join(" or ")}: \`kiln image sign ${image.slice("sha256:".length, 19)} --key FILE\`, and repeat the command. \`kiln trust ls\` shows policies and keys.`,
  });
}
