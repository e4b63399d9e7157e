import { KilnError } from "../../lib/errors.ts";
import type { Checkout } from "../../lib/process/git.ts";
import type { GivenVersions } from "./image-store.ts";

/** What git reports about the project folder. */
export interface GitState {
  /** A tag that points at the commit, otherwise the commit's first 12 digits. */
  readonly name: string;
  /** Whether something below the folder is changed or untracked. */
  readonly dirty: Checkout["dirty"];
}

export function gitState({ commit, tags, dirty }: Checkout): GitState {
  return { name: tags.map(asVersion).find(Boolean) ?? commit.slice(0, 12), dirty };
}

/** As a reference of the OCI image specification (annotations.md): runs of letters and digits, single separators between. */
function asVersion(tag: string): string {
  return tag.replace(/[^A-Za-z0-9]*[^A-Za-z0-9._-]+[^A-Za-z0-9]*/g, "-").replace(/^[._-]+|[._-]+$/g, "");
}

export interface VersionQuestion {
  readonly service: string;
  /** From the spec. */
  readonly wanted: string | undefined;
  readonly git: GitState | undefined;
  readonly digest: string;
  readonly given: GivenVersions;
}

/**
 * The version of an image: the spec's; else git's, with the first 8 digits of the image's digest whenever the commit
 * alone would not identify its content; else a number counted up per service. The same image keeps its number. Throws
 * `version_taken` when the spec's version already names another image.
 */
export function chooseVersion(question: VersionQuestion): string {
  const { wanted, git: state, digest, given, service } = question;
  if (wanted !== undefined) return checked(question, wanted);
  if (state === undefined) return counted(question);
  const marked = `${state.name}-${digest.slice("sha256:".length, "sha256:".length + 8)}`;
  const holder = given[`${service}:${state.name}`];
  return state.dirty !== false || (holder !== undefined && holder !== digest) ? marked : state.name;
}

function checked({ service, digest, given }: VersionQuestion, wanted: string): string {
  const holder = given[`${service}:${wanted}`];
  if (holder === undefined || holder === digest) return wanted;
  throw new KilnError(
    "version_taken",
    `Version ${wanted} of ${service} is already the image ${holder.slice(0, 19)}…, and this build made another (${digest.slice(0, 19)}…).`,
    { hint: "Raise `image.version`: a version never changes its image." },
  );
}

function counted({ service, digest, given }: VersionQuestion): string {
  const numbers = Object.entries(given).flatMap(([name, holder]) => {
    const number = name.startsWith(`${service}:`) ? name.slice(service.length + 1) : "";
    return /^\d{1,15}$/.test(number) ? [{ number: Number(number), holder }] : [];
  });
  const same = numbers.find(({ holder }) => holder === digest);
  return `${same?.number ?? Math.max(0, ...numbers.map(({ number }) => number)) + 1}`;
}
