import type { Case } from "./case.ts";
import { auditCase } from "./cases/audit.ts";
import { buildCase, coldCase } from "./cases/build.ts";
import { cliCase } from "./cases/cli.ts";
import { createCase } from "./cases/create.ts";
import { driftCase } from "./cases/drift.ts";
import { lostCase } from "./cases/lost.ts";
import { planCase } from "./cases/plan.ts";
import { policyCase } from "./cases/policy.ts";
import { remoteCase } from "./cases/remote.ts";
import { replaceCase } from "./cases/replace.ts";
import { respondCase } from "./cases/respond.ts";
import { restCase } from "./cases/rest.ts";
import { resumeCase } from "./cases/resume.ts";
import { rollbackCase } from "./cases/rollback.ts";
import { switchCase } from "./cases/switch.ts";
import { webhookCase } from "./cases/webhook.ts";
import { peersCase } from "./peers/peers.ts";

/** Every case, in the order of a whole run. */
export const cases: readonly Case[] = [
  planCase,
  auditCase,
  cliCase,
  buildCase,
  coldCase,
  createCase,
  replaceCase,
  rollbackCase,
  switchCase,
  resumeCase,
  lostCase,
  restCase,
  remoteCase,
  policyCase,
  webhookCase,
  driftCase,
  respondCase,
  peersCase,
];
