import { type ImageDigest, type ServiceKey, serviceOf } from "../../domain/ids.ts";
import type { Release, UnbuiltRelease } from "../../domain/rollout/release.ts";
import type { JobSpec } from "../../domain/spec/job-spec.ts";
import type { NetworkSpec } from "../../domain/spec/network.ts";
import type { ServerShape } from "../../domain/spec/server-shape.ts";
import type { TargetName } from "../../domain/target.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Platform } from "../../platform/contract/platform.ts";
import type { Store } from "../../store/store.ts";
import type { Images } from "../images/images.ts";
import type { CheckRequest, Who } from "../operations.ts";
import { requireUsable } from "../targets/require-usable.ts";
import type { Targets } from "../targets/targets.ts";
import { requireBegin, verdictOn } from "./admission.ts";
import { requireDevices } from "./devices.ts";
import { freeze, requireSecrets } from "./release-content.ts";

/** What the checks look into. None of them changes anything. */
export interface CheckParts {
  readonly store: Store;
  readonly targets: Targets;
  readonly images: Images;
  readonly call: () => Call;
}

/** What a deploy asks for; its image only once it is built. */
type Draft = UnbuiltRelease & { readonly image?: ImageDigest; readonly version?: string };

/** Before the image is built: all that can stand against the deploy by then. */
export async function requireBeginning(
  parts: CheckParts & { readonly clock: Clock },
  request: CheckRequest,
  { actor }: Who,
): Promise<void> {
  const { service, draft, target, supersede = false, begin } = request;
  requireSameTarget(parts.store, service, target);
  await requireUsable(parts.targets.of(service, target));
  if (!mayJoin(parts.store, service, draft)) {
    parts.store.requireWay(service, supersede);
    if (begin !== undefined) {
      const { reason, breakGlass = false } = begin;
      const beginning = {
        service,
        by: { actor, reason },
        breakGlass,
        network: draft.network,
        nowMs: parts.clock.now(),
      };
      requireBegin(service, verdictOn(parts.store, beginning));
    }
  }
  await requireDeployable(parts, service, draft, target);
}

/** Whether the running rollout leads to a release that is the same but for the image, which only a build can tell. */
function mayJoin(store: Store, service: ServiceKey, draft: UnbuiltRelease): boolean {
  const desired = store.desired(service);
  const { to, phase } = desired?.rollout ?? {};
  const release = to === undefined ? undefined : desired?.releases.get(to);
  if (release === undefined || phase !== "forward") return false;
  const { image, version } = release;
  const asThoughBuilt = freeze(store, service, { ...draft, image, version }).draft;
  return store.draftRelease(service, asThoughBuilt, release.createdBy).number === to;
}

/** Secrets, jobs, and what the platform says of it: before the build, and again with the image. */
export async function requireDeployable(
  { store, targets, images, call }: CheckParts,
  service: ServiceKey,
  { image, version, shape, health, jobs, schedules, secrets, files, traffic, network }: Draft,
  target: TargetName | undefined,
): Promise<void> {
  const { platform } = targets.of(service, target);
  if (image !== undefined && version !== undefined) {
    await images.requireVersion(serviceOf(service), version, image);
  }
  requireSecrets(store, service, store.secrets.freeze(service, secrets));
  requireTaken(platform, { shape, jobs, schedules, network });
  await platform.preflight?.({ service, image, shape, health, traffic, secrets, files }, call());
  // Nothing is allowed in vain where the platform has no devices.
  requireDevices(store.access, shape);
}

/** A deploy leaves a service where it is. Throws `target_fixed`, and `target_unknown`. */
export function requireSameTarget(
  store: Pick<Store, "target" | "targetOf">,
  service: ServiceKey,
  wanted: TargetName | undefined,
): void {
  if (wanted === undefined) return;
  const { name } = store.target(wanted);
  const present = store.targetOf(service);
  if (present === undefined || present === name) return;
  throw new KilnError(
    "target_fixed",
    `${service} runs on the target ${present}, and a deploy does not move it to ${name}.`,
    {
      hint: `\`kiln move ${service} --target ${name}\` moves it there first. To leave it where it is, write \`target: ${present}\` in kiln.yaml.`,
    },
  );
}

/** Throws what a release has that the platform cannot give it. */
export function requireTaken(
  platform: Platform,
  { shape, jobs, schedules = [], network }: Pick<UnbuiltRelease, "shape" | "jobs" | "schedules" | "network">,
): void {
  requireJobs(platform, [...jobs, ...schedules]);
  requireVolumes(platform, shape);
  requireNames(platform, network);
}

function requireJobs(platform: Platform, jobs: readonly Pick<JobSpec, "name">[]): void {
  if (platform.jobs !== undefined || jobs.length === 0) return;
  const names = jobs.map((job) => job.name).join(", ");
  throw new KilnError(
    "jobs_unsupported",
    `The platform ${platform.name} runs no jobs, and the release has: ${names}.`,
    {
      hint: "Remove `jobs` from kiln.yaml, or deploy to a platform that runs them.",
    },
  );
}

function requireNames({ name, names }: Platform, network: NetworkSpec | undefined): void {
  if (network === undefined || names === true) return;
  if (network.allow === undefined)
    throw new KilnError(
      "network_unsupported",
      `The platform ${name} does not decide which servers reach a cloud's metadata, and the release states it.`,
      { hint: "Remove `network.metadata` from kiln.yaml; the cloud or the cluster decides there." },
    );
  throw new KilnError(
    "network_unsupported",
    `The platform ${name} does not decide which services reach each other, and the release states it.`,
    { hint: "Remove `network` from kiln.yaml, or deploy to the target `local`." },
  );
}

function requireVolumes({ name, volumes }: Platform, shape: ServerShape): void {
  const wanted = (shape.volumes ?? []).map((volume) => volume.name).join(", ");
  if (wanted === "" || volumes !== undefined) return;
  throw new KilnError(
    "volumes_unsupported",
    `The platform ${name} keeps no volumes, and the release has: ${wanted}.`,
    { hint: "Remove `servers.volumes` from kiln.yaml, or deploy to a platform that keeps them." },
  );
}

/** A rollback that cannot work is refused before anything moves, with all that stands against it. */
export async function requireRollback({ store, targets, call }: CheckParts, release: Release): Promise<void> {
  const { platform } = targets.of(release.service);
  const checks = await Promise.allSettled([
    platform.preflight?.(withoutPreview(release), call()),
    (async () => requireSecrets(store, release.service, release.secrets))(),
    (async () => requireDevices(store.access, release.shape))(),
  ]);
  const reasons = checks.flatMap((c) => (c.status === "rejected" ? [toKilnError(c.reason)] : []));
  const [first] = reasons;
  if (first === undefined) return;
  throw new KilnError(
    "rollback_impossible",
    `Release ${release.number} cannot be brought back: ${reasons.map(({ message }) => message).join(" ")}`,
    { cause: first, ...(first.hint === undefined ? {} : { hint: first.hint }) },
  );
}

/** A rollback has nothing to be tried first; a port for that must not stand against it. */
function withoutPreview({ traffic, ...rest }: Release): Release {
  return { ...rest, traffic: traffic && { ...traffic, preview: undefined } };
}
