import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { errorToJson, KilnError, toKilnError } from "../../../lib/errors.ts";
import { type Limiter, limiter } from "../../../lib/limiter.ts";
import type { Context, ExitCode } from "../../context.ts";
import { errorLines } from "../../output/error-lines.ts";
import { plural } from "../../output/units.ts";
import { followRollout } from "../../rollout/follow.ts";
import { exitCodeOf, noteFailures } from "../../rollout/summary.ts";
import { untilScaled } from "../../rollout/until-scaled.ts";
import { statusOf } from "../../services.ts";
import type { ChangeOptions } from "../change-options.ts";
import { type CheckedRelease, checkedRelease } from "../deploy-request.ts";
import { type ImageToDeploy, imageToDeploy, requestDeploy } from "../steps.ts";
import { eachInOrder } from "./each-in-order.ts";
import { openProjects, type ProjectMember } from "./open-projects.ts";
import { type MemberResult, reportAll } from "./report.ts";

interface AllOptions extends Pick<ChangeOptions, "reason"> {
  readonly env?: string;
  readonly supersede?: boolean;
  readonly breakGlass?: boolean;
}

/** Rollouts that begin at once at most: each starts servers, whose health checks have deadlines. */
const mostRollouts = 8;

/**
 * Deploys every service of a folder: all checks first, then builds side by side, and each rollout as soon as its image is there
 * and everything that it comes after serves. What does not depend on a failed service continues. Repeated, it does
 * what is left.
 */
export async function deployAll(
  context: Context,
  options: AllOptions,
  folder: string | true,
): Promise<ExitCode> {
  const members = await openProjects(resolve(context.cwd, folder === true ? "." : folder), options.env);
  const results = await new Deploys(context, options).run(members);
  const code = reportAll(context, results);
  if (!context.signal.aborted) return code;
  throw new KilnError("cancelled", "Cancelled; rollouts that have begun continue in the controller.", {
    hint: "The same command again follows them and does the rest.",
    retry: true,
  });
}

class Deploys {
  readonly #context: Context;
  readonly #options: AllOptions;
  readonly #builds: Limiter = limiter(availableParallelism());
  readonly #rollouts: Limiter = limiter(mostRollouts);

  constructor(context: Context, options: AllOptions) {
    this.#context = context;
    this.#options = options;
  }

  async run(members: readonly ProjectMember[]): Promise<readonly MemberResult[]> {
    const { output } = this.#context;
    output.note(
      `${plural(members.length, "service")}, in this order: ${members.map(({ name }) => name).join(", ")}.`,
    );
    const checks = limiter(mostRollouts);
    const checked = new Map(
      await Promise.all(
        members.map(async (member) => [member.name, await tried(checks(() => this.#check(member)))] as const),
      ),
    );
    const images = new Map(
      members.map((member) => {
        const check = checked.get(member.name);
        return [member.name, check !== undefined && "value" in check ? this.#build(member) : undefined];
      }),
    );
    return eachInOrder(members, {
      work: (member) => this.#deploy(member, checked.get(member.name), images.get(member.name)),
      skip: (member, because) => ({
        ...resultOf(member, 0),
        ...{ outcome: "skipped", isDone: false, exitCode: 0, skippedFor: because.key },
      }),
    });
  }

  #check(member: ProjectMember): Promise<CheckedRelease> {
    const { supersede, reason, breakGlass } = this.#options;
    return this.#named(member, async (context) =>
      checkedRelease(await context.connect(), member, { supersede, begin: { reason, breakGlass } }),
    );
  }

  #build(member: ProjectMember): Promise<Tried<ImageToDeploy>> {
    return tried(
      this.#builds(() => this.#named(member, (context) => imageToDeploy(context, member, undefined))),
    );
  }

  /** Never rejects. */
  async #deploy(
    member: ProjectMember,
    check: Tried<CheckedRelease> | undefined,
    building: Promise<Tried<ImageToDeploy>> | undefined,
  ): Promise<MemberResult> {
    const { clock } = this.#context;
    const beganAtMs = clock.now();
    const result = await tried(
      (async () => {
        const release = present(check);
        const image = present(await building);
        return await this.#rollouts(() =>
          this.#named(member, (context) => this.#rollOut(context, member, release, image)),
        );
      })(),
    );
    const base = resultOf(member, clock.now() - beganAtMs);
    if ("value" in result) return { ...base, ...result.value };
    const context = this.#contextOf(member);
    context.output.note(...errorLines(result.error, context.output.noteStyle));
    return { ...base, outcome: "failed", isDone: false, exitCode: 1, error: errorToJson(result.error) };
  }

  async #rollOut(
    context: Context,
    member: ProjectMember,
    release: CheckedRelease,
    image: ImageToDeploy,
  ): Promise<Pick<MemberResult, "outcome" | "isDone" | "exitCode" | "release" | "rollout">> {
    const beganAtMs = context.clock.now();
    const { client, accepted } = await requestDeploy(context, member, release, image, this.#options);
    if (accepted.rollout === undefined) {
      if (accepted.scaled !== undefined) await untilScaled(context, client, member.key, beganAtMs);
      return { outcome: "unchanged", isDone: true, exitCode: 0, release: accepted.release };
    }
    const rollout = await followRollout(context, client, accepted.rollout);
    const isDone = rollout.phase === "complete";
    if (!isDone) noteFailures(context, rollout, await statusOf(await context.connect(), member.key));
    return { outcome: "settled", isDone, exitCode: exitCodeOf(rollout), release: rollout.to, rollout };
  }

  #named<T>(member: ProjectMember, work: (context: Context) => Promise<T>): Promise<T> {
    return work(this.#contextOf(member));
  }

  /** What it says begins with the service's name: several speak at once. */
  #contextOf({ name }: ProjectMember): Context {
    return { ...this.#context, output: this.#context.output.named(name) };
  }
}

type Tried<T> = { readonly value: T } | { readonly error: KilnError };

async function tried<T>(work: Promise<T>): Promise<Tried<T>> {
  try {
    return { value: await work };
  } catch (error) {
    return { error: toKilnError(error) };
  }
}

function present<T>(result: Tried<T> | undefined): T {
  if (result === undefined) throw new Error("A step was left out.");
  if ("error" in result) throw result.error;
  return result.value;
}

function resultOf(
  { key, file }: ProjectMember,
  durationMs: number,
): Pick<MemberResult, "service" | "file" | "durationMs"> {
  return { service: key, file, durationMs };
}
