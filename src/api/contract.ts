import { z } from "zod";
import { type Endpoint, paths, type RouteName } from "./contract-paths.ts";
import * as s from "./contract-schemas.ts";

/** What one route takes and gives. Validation, OpenAPI and the tests all read this. */
export interface Route extends Endpoint {
  /** One sentence, for OpenAPI. */
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Absent: status 204, no body. */
  readonly answer?: z.ZodType;
  /** The answer is a stream of server-sent events, each with one of these as its data. */
  readonly item?: z.ZodType;
}

const service = { params: z.object({ service: z.string().min(1).max(128) }) };
const oneServer = { params: z.object({ server: z.string().min(1).max(200) }) };
const newService = { params: z.object({ service: s.newServiceKey }) };

/** A query holds texts only. */
const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "a whole number")
  .transform(Number);
const flag = z.enum(["true", "false"]).transform((text) => text === "true");

export const contract = {
  openapi: { ...paths.openapi, summary: "This description, as OpenAPI 3.1.", answer: z.looseObject({}) },
  info: {
    ...paths.info,
    summary: "The controller and what its platform can do.",
    answer: s.ControllerStatus,
  },
  shutdown: { ...paths.shutdown, summary: "Stops the controller; servers and router live on." },
  statusAll: { ...paths.statusAll, summary: "Every service with its servers.", answer: s.ServiceStatusList },
  status: { ...paths.status, ...service, summary: "One service with its servers.", answer: s.ServiceStatus },
  history: { ...paths.history, ...service, summary: "Releases and rollouts.", answer: s.History },
  check: {
    ...paths.check,
    ...newService,
    summary: "Refuses what deploy would refuse, before there is an image; nothing is done.",
    body: s.CheckBody,
  },
  deploy: {
    ...paths.deploy,
    ...newService,
    summary: "Makes a release from the draft, unless an equal one serves, and starts its rollout.",
    body: s.DeployBody,
    answer: s.Accepted,
  },
  preview: {
    ...paths.preview,
    ...newService,
    summary: "What deploy would do now; nothing is done.",
    body: s.DeployBody,
    answer: s.PlanPreview,
  },
  rollback: {
    ...paths.rollback,
    ...service,
    summary: "Starts a rollout back to a kept release.",
    body: s.RollbackBody,
    answer: s.Accepted,
  },
  scale: {
    ...paths.scale,
    ...service,
    summary: "More or fewer servers of the same release.",
    body: s.ScaleBody,
    answer: s.Accepted,
  },
  abort: {
    ...paths.abort,
    ...service,
    summary: "Turns the running rollout back.",
    body: s.ByBody,
    answer: s.Rollout,
  },
  pause: {
    ...paths.pause,
    ...service,
    summary: "Stops the running rollout where it is.",
    body: s.ByBody,
    answer: s.Rollout,
  },
  resume: {
    ...paths.resume,
    ...service,
    summary: "Goes on with a paused rollout.",
    body: s.ByBody,
    answer: s.Rollout,
  },
  promote: {
    ...paths.promote,
    ...service,
    summary: "Ends the waiting of the rollout's present step.",
    body: s.ByBody,
    answer: s.Rollout,
  },
  remove: {
    ...paths.remove,
    ...service,
    summary: "Removes the service. It is gone when its status is 404.",
    body: s.ByBody,
  },
  secrets: {
    ...paths.secrets,
    query: z.strictObject({ service: z.string().optional().describe("Only those of one service.") }),
    summary: "Secrets with their versions; never a value.",
    answer: s.Secrets,
  },
  setSecret: {
    ...paths.setSecret,
    params: z.object({ service: s.newServiceKey, name: s.secretName }),
    summary: "A new version of a secret, for the next deploy.",
    body: s.SecretBody,
    answer: s.SecretSet,
  },
  removeSecret: {
    ...paths.removeSecret,
    params: z.object({ service: z.string().min(1).max(128), name: z.string().min(1).max(128) }),
    summary: "Removes a secret that no kept release uses.",
    body: s.ByBody,
  },
  rollout: {
    ...paths.rollout,
    params: z.object({ id: wholeNumber }),
    summary: "One rollout.",
    answer: s.Rollout,
  },
  imagesInUse: { ...paths.imagesInUse, summary: "Images that kept releases use.", answer: s.ImagesInUse },
  events: {
    ...paths.events,
    query: z.strictObject({
      after: wholeNumber
        .optional()
        .describe("Only events with a higher sequence number. `Last-Event-ID` goes first."),
      newest: wholeNumber.exactOptional().describe("Of those, only so many of the newest."),
      sinceMs: wholeNumber.exactOptional().describe("Only events of this Unix time in ms or later."),
      service: z.string().exactOptional(),
      server: z.string().exactOptional().describe("Only events of this server."),
      follow: flag.exactOptional().describe("Go on with events as they happen."),
    }),
    summary: "The event log, oldest first. Each id is the event's sequence number.",
    item: s.KilnEvent,
  },
  audit: {
    ...paths.audit,
    summary: "The state of the event log, without replaying it.",
    answer: s.AuditStatus,
  },
  checkpoint: {
    ...paths.checkpoint,
    summary: "A signed checkpoint of the event log as it is now.",
    answer: s.ExportedCheckpoint,
  },
  acceptBreaks: {
    ...paths.acceptBreaks,
    summary: "Records that what is wrong with the event log is known, and why it is so.",
    body: s.AcceptBody,
    answer: s.Recorded,
  },
  rotateAuditKey: {
    ...paths.rotateAuditKey,
    summary: "Signs checkpoints with a new key from now on.",
    body: s.ByBody,
    answer: s.AuditKey,
  },
  drift: {
    ...paths.drift,
    query: z.strictObject({
      server: z.string().exactOptional().describe("Only of this server."),
      inspect: flag.exactOptional().describe("Look at every server once more."),
    }),
    summary: "Every difference between a server and its release.",
    answer: s.DriftReports,
  },
  evidence: { ...paths.evidence, summary: "What is kept of servers in quarantine.", answer: s.EvidenceList },
  evidenceOf: {
    ...paths.evidenceOf,
    ...oneServer,
    summary: "What a server in quarantine was: processes, mounts, last lines.",
    answer: s.EvidenceReport,
  },
  exportEvidence: {
    ...paths.exportEvidence,
    ...oneServer,
    summary: "All that is kept of it, as a tar archive in pieces.",
    item: s.ArchivePiece,
  },
  destroyServer: {
    ...paths.destroyServer,
    ...oneServer,
    summary: "Destroys a server that is kept in quarantine.",
    body: s.ByBody,
  },
  reproduce: {
    ...paths.reproduce,
    ...oneServer,
    summary: "Makes a server like this one, in no group and without traffic.",
    body: s.ByBody,
    answer: s.Reproduced,
  },
  exec: {
    ...paths.exec,
    ...oneServer,
    summary:
      "Taints a server and lets somebody run a command in it; answers with what to run on its machine.",
    body: s.ExecBody,
    answer: s.ExecGrant,
  },
  endExec: {
    ...paths.endExec,
    params: z.object({ session: wholeNumber }),
    summary: "Somebody is out of a server again.",
    body: s.EndExecBody,
  },
  logs: {
    ...paths.logs,
    ...oneServer,
    query: z.strictObject({
      tail: wholeNumber.exactOptional().describe("Only so many of the last lines."),
      follow: flag.exactOptional().describe("Go on with lines as they are written."),
    }),
    summary: "What a server wrote, oldest first.",
    item: s.LogLine,
  },
} as const satisfies Record<RouteName, Route>;
