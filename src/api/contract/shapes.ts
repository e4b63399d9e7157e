import { accessAnswers, accessAsks } from "./access/shapes.ts";
import { changesAnswers, changesAsks } from "./changes/shapes.ts";
import { commonAnswers, commonAsks } from "./common.ts";
import { controllerAnswers } from "./controller/shapes.ts";
import { driftAnswers, driftAsks } from "./drift/shapes.ts";
import { eventsAnswers, eventsAsks } from "./events/shapes.ts";
import { figuresAnswers, figuresAsks } from "./figures/shapes.ts";
import { imagesAnswers, imagesAsks } from "./images/shapes.ts";
import { jobsAnswers, jobsAsks } from "./jobs/shapes.ts";
import { policyAnswers, policyAsks } from "./policy/shapes.ts";
import { rolloutsAnswers, rolloutsAsks } from "./rollouts/shapes.ts";
import { secretsAnswers, secretsAsks } from "./secrets/shapes.ts";
import { serversAnswers, serversAsks } from "./servers/shapes.ts";
import { servicesAnswers, servicesAsks } from "./services/shapes.ts";
import { sourceAnswers, sourceAsks } from "./sources/shapes.ts";
import { targetsAnswers, targetsAsks } from "./targets/shapes.ts";
import { trustAnswers, trustAsks } from "./trust/shapes.ts";
import { volumesAnswers, volumesAsks } from "./volumes/shapes.ts";
import { webhookAnswers, webhookAsks } from "./webhooks/shapes.ts";

/**
 * Every argument by the name that the table has for it: one object each. Fields that the route's path names come from
 * the path, the others from the query of a GET or the JSON body of a POST. The actor is not part of the argument: the
 * transport adds it.
 */
export const asks = {
  ...commonAsks,
  ...accessAsks,
  ...webhookAsks,
  ...sourceAsks,
  ...targetsAsks,
  ...trustAsks,
  ...policyAsks,
  ...imagesAsks,
  ...servicesAsks,
  ...changesAsks,
  ...rolloutsAsks,
  ...jobsAsks,
  ...serversAsks,
  ...driftAsks,
  ...secretsAsks,
  ...volumesAsks,
  ...figuresAsks,
  ...eventsAsks,
};

/** Every answer by the name that the table and OpenAPI have for it. */
export const answers = {
  ...commonAnswers,
  ...accessAnswers,
  ...webhookAnswers,
  ...sourceAnswers,
  ...controllerAnswers,
  ...targetsAnswers,
  ...trustAnswers,
  ...policyAnswers,
  ...imagesAnswers,
  ...servicesAnswers,
  ...changesAnswers,
  ...rolloutsAnswers,
  ...jobsAnswers,
  ...serversAnswers,
  ...driftAnswers,
  ...secretsAnswers,
  ...volumesAnswers,
  ...figuresAnswers,
  ...eventsAnswers,
};
