import type { Metric } from "../../lib/prometheus.ts";

const of =
  (type: Metric["type"]) =>
  <const Label extends string>(name: string, help: string, ...labels: readonly Label[]): Metric<Label> => ({
    ...{ name, type, help, labels },
  });
const gauge = of("gauge");
const counter = of("counter");
const histogram = of("histogram");

const service = ["service", "environment"] as const;

/**
 * Every metric of a controller. Names and labels are a promise: docs/metrics.md lists them. No label holds what grows
 * without bound (ids of servers, digests, commits), except in metrics that end in `_info`.
 */
export const metrics = {
  build: gauge("kiln_build_info", "The controller that answers", "version", "commit"),
  targetUp: gauge("kiln_target_up", "Whether the target answers: 1, or 0", "target"),
  release: gauge(
    "kiln_service_release_info",
    "The releases of a service that count now: the serving one, and the new one of a running rollout",
    ...service,
    ...(["release", "role", "version", "image"] as const),
  ),
  servers: gauge("kiln_service_servers", "Servers by state", ...service, "state"),
  wanted: gauge("kiln_service_servers_wanted", "Servers that the service is to have", ...service),
  tainted: gauge("kiln_servers_tainted", "Servers that differ from their release", ...service),
  serverAge: gauge("kiln_server_age_seconds_max", "Age of the oldest server", ...service),
  imageAge: gauge("kiln_image_age_seconds", "Age of the image that serves", ...service),
  starts: histogram(
    "kiln_server_start_seconds",
    "From the start of a server's process until it is ready",
    ...service,
  ),
  findings: counter(
    "kiln_drift_findings_total",
    "Differences found between a server and its release",
    ...service,
    "kind",
  ),
  rollouts: counter("kiln_rollouts_total", "Rollouts that have ended", ...service, "journey", "result"),
  rolloutTook: histogram("kiln_rollout_duration_seconds", "How long a rollout took", ...service, "result"),
  rolloutActive: gauge("kiln_rollout_active", "Whether a rollout runs: 1, or 0", ...service),
  rolloutPaused: gauge(
    "kiln_rollout_paused",
    "Whether the running rollout waits for a user: 1, or 0",
    ...service,
  ),
  rolloutStep: gauge("kiln_rollout_step", "The present step of the running rollout, from 1", ...service),
  rolloutSteps: gauge("kiln_rollout_steps", "How many steps the running rollout has", ...service),
  share: gauge(
    "kiln_rollout_traffic_share",
    "Share of new traffic that a release has during a rollout, 0 to 1",
    ...service,
    "release",
  ),
  requests: counter(
    "kiln_service_requests_total",
    "Answered requests; failed are those with 500 and above, or without an answer",
    ...service,
    ...(["release", "result"] as const),
  ),
  requestTook: histogram(
    "kiln_service_request_duration_seconds",
    "Response times of the servers, where the router measures them",
    ...service,
    "release",
  ),
  chainOk: gauge("kiln_audit_chain_ok", "Whether nothing is wrong with the event log: 1, or 0"),
  entries: gauge("kiln_audit_entries", "Entries of the event log"),
  checkpoint: gauge(
    "kiln_audit_last_checkpoint_timestamp_seconds",
    "When the event log was last signed (Unix time)",
  ),
  apiRequests: counter(
    "kiln_api_requests_total",
    "Requests to the controller's API",
    "method",
    "route",
    "code",
  ),
  webhookBacklog: gauge(
    "kiln_webhook_backlog",
    "Entries of the event log that a webhook is yet to get to",
    "webhook",
  ),
  webhookFailing: gauge(
    "kiln_webhook_failing",
    "Whether the receiver of a webhook takes nothing: 1, or 0",
    "webhook",
  ),
  sourceFailing: gauge(
    "kiln_source_failing",
    "Whether the repository that a service follows, or its last commit, fails: 1, or 0",
    ...service,
  ),
  sourceHeld: gauge(
    "kiln_source_held",
    "Whether a service does not follow its repository until a user resumes it: 1, or 0",
    ...service,
  ),
  sourceLooked: gauge(
    "kiln_source_last_look_timestamp_seconds",
    "When the repository that a service follows was last looked at (Unix time)",
    ...service,
  ),
  sourceDeployed: gauge(
    "kiln_source_last_deploy_timestamp_seconds",
    "When a commit of the repository that a service follows was last deployed (Unix time)",
    ...service,
  ),
  passes: histogram("kiln_controller_loop_seconds", "One pass over one service: observe, plan, act"),
  cpu: counter("process_cpu_seconds_total", "User and system CPU time of the controller"),
  memory: gauge("process_resident_memory_bytes", "Resident memory of the controller"),
  started: gauge("process_start_time_seconds", "When the controller started (Unix time)"),
  files: gauge("process_open_fds", "Open file descriptors of the controller"),
  heapUsed: gauge("nodejs_heap_size_used_bytes", "Used heap of the controller's Node.js"),
  heapTotal: gauge("nodejs_heap_size_total_bytes", "Heap of the controller's Node.js"),
  node: gauge("nodejs_version_info", "The Node.js that runs the controller", "version"),
} as const satisfies Record<string, Metric>;
