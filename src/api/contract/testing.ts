import { accessAnswered, accessAsked } from "./access/testing.ts";
import { changesAnswered, changesAsked } from "./changes/testing.ts";
import { controllerAnswered, controllerAsked } from "./controller/testing.ts";
import { driftAnswered, driftAsked } from "./drift/testing.ts";
import { eventsAnswered, eventsAsked } from "./events/testing.ts";
import { figuresAnswered, figuresAsked } from "./figures/testing.ts";
import { imagesAnswered, imagesAsked } from "./images/testing.ts";
import { jobsAnswered, jobsAsked } from "./jobs/testing.ts";
import { policyAnswered, policyAsked } from "./policy/testing.ts";
import { rolloutsAnswered, rolloutsAsked } from "./rollouts/testing.ts";
import { secretsAnswered, secretsAsked } from "./secrets/testing.ts";
import { serversAnswered, serversAsked } from "./servers/testing.ts";
import { servicesAnswered, servicesAsked } from "./services/testing.ts";
import { sourcesAnswered, sourcesAsked } from "./sources/testing.ts";
import { targetsAnswered, targetsAsked } from "./targets/testing.ts";
import { trustAnswered, trustAsked } from "./trust/testing.ts";
import type { Asked, OperationName, Operations } from "./types.ts";
import { volumesAnswered, volumesAsked } from "./volumes/testing.ts";
import { webhooksAnswered, webhooksAsked } from "./webhooks/testing.ts";

/** What each operation is asked, at least once. */
export const asked: { readonly [Name in OperationName]: readonly Asked<Name>[] } = {
  ...accessAsked,
  ...changesAsked,
  ...controllerAsked,
  ...driftAsked,
  ...eventsAsked,
  ...figuresAsked,
  ...imagesAsked,
  ...jobsAsked,
  ...policyAsked,
  ...rolloutsAsked,
  ...secretsAsked,
  ...serversAsked,
  ...servicesAsked,
  ...sourcesAsked,
  ...targetsAsked,
  ...trustAsked,
  ...volumesAsked,
  ...webhooksAsked,
};

/** What each operation answers: full values. */
export const answered: Operations = {
  ...accessAnswered,
  ...changesAnswered,
  ...controllerAnswered,
  ...driftAnswered,
  ...eventsAnswered,
  ...figuresAnswered,
  ...imagesAnswered,
  ...jobsAnswered,
  ...policyAnswered,
  ...rolloutsAnswered,
  ...secretsAnswered,
  ...serversAnswered,
  ...servicesAnswered,
  ...sourcesAnswered,
  ...targetsAnswered,
  ...trustAnswered,
  ...volumesAnswered,
  ...webhooksAnswered,
};
