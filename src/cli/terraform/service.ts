import { type ServiceKey, serviceKey } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import { AttributeError } from "../../terraform-provider/diagnostics.ts";
import type { Foreseen } from "../../terraform-provider/plan.ts";
import type { Made, Resource } from "../../terraform-provider/provider.ts";
import type { Schema } from "../../terraform-provider/schema.ts";
import { textOf, type Values } from "../../terraform-provider/values.ts";
import type { Accepted, ServiceStatus } from "../api.ts";
import type { Context } from "../context.ts";
import { checkedRelease, deployRequest } from "../deploy/deploy-request.ts";
import { type ImageToDeploy, imageToDeploy, requestDeploy } from "../deploy/steps.ts";
import { openProject, type Project } from "../project.ts";
import { requireStatus, statusOf } from "../services.ts";
import { waitForStatus } from "../wait.ts";
import { outcomeOf } from "./outcome.ts";

const schema: Schema = {
  description:
    "A service in one environment: the release that a project's folder describes serves. An apply builds its image, starts the rollout and waits for its end.",
  attributes: {
    project: {
      ...{ type: "string", is: "required" },
      description:
        "The folder with kiln.yaml, or the file itself. Relative to the folder where Terraform runs.",
    },
    service: {
      ...{ type: "string", is: "optional" },
      description: "Which service, where kiln.yaml describes several.",
    },
    environment: {
      ...{ type: "string", is: "optional", replaces: true },
      description: "An environment of kiln.yaml.",
    },
    image: {
      ...{ type: "string", is: "optional" },
      description:
        "A version or digest of this service's images, at the controller or on this machine. Without it, the project is built.",
    },
    id: {
      ...{ type: "string", is: "computed" },
      description: "The service's name in Kiln: `shop`, or `shop.staging`.",
    },
    target: { type: "string", is: "computed", description: "The target that it is on." },
    release: { type: "number", is: "computed", description: "The number of the release that serves." },
    version: { type: "string", is: "computed", description: "The version of its image." },
    image_digest: { type: "string", is: "computed", description: "The digest of its image." },
    servers: { type: "number", is: "computed", description: "How many servers there are to be." },
    addresses: {
      ...{ type: ["list", "string"], is: "computed" },
      description: "Where the service is reached, the newest last.",
    },
  },
};

/** `coming` has the targets that the same plan makes. */
export function serviceResource(context: Context, coming: ReadonlySet<string>): Resource {
  return {
    schema,
    read: async (recorded) => {
      const status = await statusOf(await context.connect(), keyIn(recorded));
      return status === undefined || status.removing ? undefined : { ...recorded, ...computedOf(status) };
    },
    find: async (id) => {
      const status = await requireStatus(await context.connect(), id);
      const [, environment = null] = id.split(".");
      return { environment, ...computedOf(status) };
    },
    foresee: (wanted, prior) => foresee({ ...context, coming }, wanted, prior),
    make: (planned, prior) => make(context, planned, prior),
    remove: async (recorded) => {
      const client = await context.connect();
      const service = keyIn(recorded);
      if ((await statusOf(client, service)) === undefined) return;
      await client.remove({ service });
      await waitForStatus(context, client, service, (status) => status === undefined);
    },
  };
}

function keyIn(recorded: Values): ServiceKey {
  return textOf(recorded, "id") ?? "";
}

function computedOf({ service, target, serving, count, addresses }: ServiceStatus): Values {
  return {
    ...{ id: service, target: target.name, servers: count, addresses },
    ...{ release: serving?.number ?? null, version: serving?.version ?? null },
    image_digest: serving?.image ?? null,
  };
}

/** What is named may be with the controller alone, which then needs nothing from this machine. */
async function imageFor(
  context: Context,
  project: Project,
  named: string | undefined,
): Promise<ImageToDeploy> {
  const isElsewhere = named !== undefined && (await context.remote()) !== undefined;
  if (!isElsewhere) return imageToDeploy(context, project, named);
  const images = await (await context.connect()).images({ service: project.spec.service });
  const there = images.find(({ version, digest }) => version === named || digest === named);
  if (there === undefined) return imageToDeploy(context, project, named);
  return { ...there, checkout: undefined, words: "at the controller" };
}

interface Wanted {
  readonly project: Project;
  readonly key: ServiceKey;
  readonly named: string | undefined;
}

async function wantedOf({ cwd }: Context, values: Values): Promise<Wanted> {
  const environment = textOf(values, "environment");
  const options = {
    ...{ file: textOf(values, "project") ?? "" },
    ...(environment === undefined ? {} : { env: environment }),
  };
  const project = await openProject(cwd, options, textOf(values, "service"));
  const { service, environment: env } = project.spec;
  return { project, key: serviceKey(service, env), named: textOf(values, "image") };
}

/** Asks the controller what a deploy would do now. The image's digest is part of that, so this builds; without changes the cache answers. */
async function foresee(
  context: Context & { readonly coming: ReadonlySet<string> },
  values: Values,
  prior: Values | undefined,
): Promise<Foreseen> {
  const { project, key, named } = await wantedOf(context, values);
  const { target, count } = project.spec;
  if (prior !== undefined && prior.id !== key) return { changes: true, known: { id: key }, replaces: ["id"] };
  const isTargetComing = prior === undefined && context.coming.has(target);
  if (isTargetComing) return { changes: true, known: { id: key, target, servers: count } };
  const client = await context.connect();
  const { release } = await checkedRelease(client, project, {});
  const image = await imageFor(context, project, named);
  const { service, ...wanted } = deployRequest(project.spec, release, image);
  const plan = await client.plan({ service, change: { kind: "deploy", ...wanted } });
  const changes = plan.actions.length > 0 || plan.changes.length > 0;
  return { changes, known: { id: key, target, servers: count, image_digest: image.digest } };
}

async function make(context: Context, planned: Values, prior: Values | undefined): Promise<Made> {
  const { project, key, named } = await wantedOf(context, planned);
  const client = await context.connect();
  const serving = prior?.release;
  if (prior === undefined) requireNew(await statusOf(client, key), key);
  else requireSame(prior, key);
  const expect = typeof serving === "number" ? serving : undefined;
  const checked = await checkedRelease(client, project, {
    begin: {},
    expect: expect === undefined ? undefined : { serving: expect },
  });
  const image = await imageFor(context, project, named);
  requirePlanned(planned, image);
  const beganAtMs = context.clock.now();
  const { accepted } = await requestDeploy(context, project, checked, image, {
    ...(expect === undefined ? {} : { expect }),
  });
  return made(context, { planned, image, accepted, beganAtMs });
}

/** A service that no one has recorded is taken over by an import, where its plan is seen first. */
function requireNew(status: ServiceStatus | undefined, key: ServiceKey): void {
  if (status?.serving === undefined) return;
  throw new AttributeError(
    "project",
    `The service ${key} is there already: release ${status.serving.number} serves.`,
    `\`terraform import ADDRESS ${key}\` takes it into this state.`,
  );
}

function requireSame(prior: Values, key: ServiceKey): void {
  if (prior.id === key) return;
  throw new AttributeError(
    "project",
    `The project describes the service ${key}, and this resource is the service ${textOf(prior, "id")}.`,
    "Plan again: another service needs another resource.",
  );
}

function requirePlanned({ image_digest }: Values, { digest }: ImageToDeploy): void {
  if (typeof image_digest !== "string" || image_digest === digest) return;
  throw new KilnError("file_changed", `The image is now ${digest}; the plan was made with ${image_digest}.`, {
    hint: "Something in the project has changed since then: plan again.",
  });
}

interface Deployed {
  readonly planned: Values;
  readonly image: ImageToDeploy;
  readonly accepted: Accepted;
  readonly beganAtMs: number;
}

/** Waits for the end of what was begun. A rollout that continues counts as made: what it leads to is what was wanted. */
async function made(context: Context, deployed: Deployed): Promise<Made> {
  const { planned, image, accepted } = deployed;
  const { failure, warning } = await outcomeOf(context, accepted, deployed.beganAtMs);
  const status = await requireStatus(await context.connect(), accepted.service);
  const state = { ...planned, ...computedOf(status) };
  if (failure !== undefined) return { state, failure };
  if (warning === undefined) return { state };
  const { release } = accepted;
  return { state: { ...state, release, version: image.version, image_digest: image.digest }, warning };
}
