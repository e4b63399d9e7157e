import { join } from "node:path";
import { z } from "zod";
import type { ServerId } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Call } from "../../contract/call.ts";
import type { Evidence, Exhibit, Taint } from "../../contract/evidence.ts";
import { EvidenceParts } from "../../linux/evidence-parts.ts";
import { transcriptsIn } from "../../linux/sessions/transcripts.ts";
import { ApiRefusal } from "../client/api.ts";
import { linesOf } from "../client/lines.ts";
import type { Cluster } from "../cluster.ts";
import type { KubernetesContext } from "../context.ts";
import { logReader } from "../logs.ts";
import { key } from "../objects/names.ts";
import { isolationObject } from "../objects/objects.ts";
import type { FoundPod } from "../view/answers.ts";
import { imageOf, isGoing, releaseOf } from "../view/view.ts";

/** Lines of its log that go with the evidence, and of the run before the last. */
const logLines = 1000;
const longestLine = 1 << 20;

/**
 * See `Platform.quarantine`. The pod gets no requests and, where the cluster's network obeys policies, no network; its ReplicaSet makes another. It
 * cannot be frozen.
 */
export async function quarantinePod(
  host: KubernetesContext,
  server: ServerId,
  taint: Taint,
  call: Call,
): Promise<Evidence> {
  const { cluster } = host;
  const pod = await takenOut(host, server, call);
  await cut(cluster, pod, call);
  const digest = await host.evidence?.keep(await exhibitOf(host, pod, taint, call), call);
  return { server, digest };
}

/** Out of traffic and of its group; it runs on. What changes meanwhile is looked at again. */
export async function takenOut(
  { cluster, clock }: Pick<KubernetesContext, "cluster" | "clock">,
  server: ServerId,
  call: Call,
): Promise<FoundPod> {
  for (;;) {
    const pod = await cluster.pod(server, call);
    if (pod === undefined || isGoing(pod))
      throw new KilnError("server_unknown", `There is no server ${server}.`);
    if (pod.metadata.labels[key.quarantine] !== undefined) return pod;
    const since = new Date(clock.now() + cluster.api.clockAheadMs).toISOString();
    const labels = { [key.serving]: "no", [key.member]: null, [key.quarantine]: pod.metadata.name };
    const annotations = { [key.drainedAt]: null, [key.quarantinedAt]: since };
    await cluster.mark("pods", pod, { metadata: { labels, annotations } }, call);
  }
}

/** The policy goes with its pod. The right to make one may be missing: `kiln target show` says so. */
async function cut(cluster: Cluster, pod: FoundPod, call: Call): Promise<void> {
  try {
    await cluster.apply("networkpolicies", isolationObject(cluster.owner, pod.metadata), call);
  } catch (error) {
    if (!(error instanceof ApiRefusal) || error.status !== 403) throw error;
  }
}

/** Without its object nothing would say what was found: that is asked for again. Its log comes from its node, which may be gone or be what is wrong. */
async function exhibitOf(
  { cluster, sessions }: KubernetesContext,
  pod: FoundPod,
  taint: Taint,
  call: Call,
): Promise<Exhibit> {
  const { name, uid, labels } = pod.metadata;
  const transcripts = transcriptsIn(join(sessions, name));
  const documents = [
    { name: "pod.json", text: await described(cluster, cluster.pathOf("pods", name), {}, call.signal) },
  ];
  const parts = new EvidenceParts(call);
  const events = `/api/v1/namespaces/${cluster.namespace}/events`;
  const query = { fieldSelector: `involvedObject.uid=${uid}`, limit: "100" };
  await parts.read("events.json", async (signal) => {
    documents.push({ name: "events.json", text: await described(cluster, events, query, signal) });
  });
  const log: string[] = [];
  await parts.read("log", async (signal) => {
    for await (const { text } of logReader(cluster).read(name, { tail: logLines }, signal)) log.push(text);
  });
  const previous: string[] = [];
  await parts.read("previous.log", (signal) => readPreviousLog(cluster, name, previous, signal));
  documents.push({ name: "previous.log", text: previous.map((line) => `${line}\n`).join("") });
  return {
    ...{ server: name, taint, pid: undefined, secrets: [], processes: [], log, transcripts },
    release: {
      ...{ number: releaseOf(pod), version: labels["app.kubernetes.io/version"] ?? "" },
      image: imageOf(pod),
    },
    ...{ documents, missing: parts.missing },
  };
}

/** As the cluster has it, with who has changed which field. */
async function described(
  { api }: Cluster,
  path: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string> {
  const found = await api.read({ path, query, accept: [404], signal }, z.looseObject({}));
  return `${JSON.stringify(found ?? {}, undefined, 2)}\n`;
}

/** Of the run before the one that there is, for a server that was started again in place. 400: there was none. */
async function readPreviousLog(
  cluster: Cluster,
  name: string,
  lines: string[],
  signal: AbortSignal,
): Promise<void> {
  const query = { previous: "true", tailLines: String(logLines) };
  const path = `${cluster.pathOf("pods", name)}/log`;
  const answer = await cluster.api.stream({ path, query, accept: [400, 404], signal });
  if (answer.statusCode !== 200) answer.resume();
  else for await (const line of linesOf(answer, longestLine)) lines.push(line);
}
