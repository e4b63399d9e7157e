import { type Asker, beginnerOf, personOf } from "../../domain/access/actor.ts";
import type { KilnEvent } from "../../domain/event.ts";
import type { ImageDigest, ServiceKey } from "../../domain/ids.ts";
import {
  type Admission,
  type AdmissionRule,
  judge,
  policiesFor,
  refusing,
} from "../../domain/policy/admission.ts";
import type { NetworkSpec } from "../../domain/spec/network.ts";
import type { TargetName } from "../../domain/target.ts";
import { KilnError, type Place } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import { decide, isPipeline, rulesFor } from "../../trust/policy/decide.ts";
import { soakKinds, soakOf } from "../../trust/policy/soak.ts";
import type { Images } from "../images/images.ts";

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
  const [first] = refusing(rules);
  if (first !== undefined) throw refused(image, first);
  return rules.length === 0 ? undefined : { atMs: nowMs, rules };
}

function refused(image: ImageDigest, { target, because, signedBy = [] }: AdmissionRule): KilnError {
  const whose = target === undefined ? "this installation" : `the target ${target}`;
  return new KilnError("image_refused", `The image policy of ${whose} refuses ${image}: ${because}.`, {
    hint: `Sign it with ${signedBy.join(" or ")}: \`kiln image sign ${image.slice("sha256:".length, 19)} --key FILE\`, and repeat the command. \`kiln trust ls\` shows policies and keys.`,
  });
}

/** A rollout that is about to begin. */
export interface Beginning {
  readonly service: ServiceKey;
  readonly by: Asker;
  /** Let it through, whatever policies say. */
  readonly breakGlass: boolean;
  /** The digest of its plan; undefined: not made. */
  readonly plan?: string | undefined;
  /** What its servers may reach; absent: nothing that a policy asks about. */
  readonly network?: NetworkSpec | undefined;
  /** Undefined: it is not built yet. */
  readonly image?: ImageDigest | undefined;
  readonly nowMs: number;
}

/**
 * What the installation's policies say of a rollout that begins now, with what they say of its image; undefined where there are none. Not
 * for rollbacks: a way back is always open.
 */
export function verdictOn(
  store: Store,
  { service, by, breakGlass, image, plan, network, nowMs }: Beginning,
  signed?: Admission | undefined,
): Admission | undefined {
  if (breakGlass && by.reason === undefined) throw noReason();
  const { policies } = store;
  const starting = {
    service,
    nowMs,
    reason: by.reason,
    image,
    plan,
    metadata: network?.metadata,
    ...whoStarts(by),
  };
  const begin = decide(starting, {
    ...{ file: policies.file(), freezes: policies.freezes() },
    approvals: (digest) => policies.approvals(digest),
    soak: (of, digest) => soakOf(eventsForSoak(store, of, nowMs), digest, nowMs),
  });
  const rules = [...(signed?.rules ?? []), ...begin];
  if (rules.length === 0) return undefined;
  return {
    ...{ atMs: nowMs, rules },
    ...(breakGlass && refusing(begin).length > 0 ? { breakGlass } : {}),
    ...(begin.some(({ kind }) => kind === "approvals") ? { plan } : {}),
  };
}

/** As old as an image that waits may be. */
const soakDays = 90;

function eventsForSoak(store: Store, service: ServiceKey, nowMs: number): readonly KilnEvent[] {
  const sinceMs = nowMs - soakDays * 86_400_000;
  return store.events({ service, kinds: soakKinds, sinceMs, limit: Number.MAX_SAFE_INTEGER });
}

function whoStarts({ actor }: Asker) {
  return { person: personOf(actor), pipeline: isPipeline(actor), beginner: beginnerOf(actor) };
}

/** Whether the plan of a rollout has to be known before it may begin. */
export function asksApproval(store: Store, service: ServiceKey): boolean {
  return rulesFor(store.policies.file(), service).some(({ kind }) => kind === "approvals");
}

function noReason(): KilnError {
  return new KilnError("usage", "Nothing says why policies shall be overridden; expected a reason.", {
    hint: "`--break-glass --reason TEXT` gives one.",
  });
}

const emergency =
  "In an emergency, someone on the controller's machine, or with a token that has break-glass, can begin it all the same with `--break-glass --reason TEXT`; another person then has to review that. A rollback is never refused by these rules.";

/** Throws `policy_refused` where a rollout may not begin; what let it through is in the admission. `hint`: what can be done all the same. */
export function requireBegin(service: ServiceKey, admission: Admission | undefined, hint = emergency): void {
  const against = refusing(admission?.rules ?? []).filter(({ kind }) => kind !== "signature");
  if (against.length === 0 || admission?.breakGlass) return;
  throw new KilnError(
    "policy_refused",
    `The policies of this installation refuse to begin a rollout of ${service} now.`,
    {
      problems: against.map(({ place, because, remedy }) => ({
        ...(place === undefined ? {} : { place: placeOf(place) }),
        message: `${because}.`,
        ...(remedy === undefined ? {} : { hint: remedy }),
      })),
      hint,
    },
  );
}

/** `policy.yaml:12`, or the number of a freeze. */
function placeOf(place: string): Place {
  const [, file, line] = /^(.*):(\d+)$/.exec(place) ?? [];
  return file === undefined ? { file: place } : { file, line: Number(line) };
}
