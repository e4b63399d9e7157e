import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServerId } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import type { Access, Entrance, ExecOrder } from "../../contract/access.ts";
import type { Call } from "../../contract/call.ts";
import { sessionArgv } from "../../linux/sessions/session-program.ts";
import { newTranscript } from "../../linux/sessions/transcripts.ts";
import type { KubernetesContext } from "../context.ts";
import { containerName } from "../objects/pod.ts";
import { takenOut } from "../quarantine/quarantine.ts";
import { requireExecRight } from "../target/probe.ts";
import type { FoundPod } from "../view/answers.ts";
import { imageOf, isGoing } from "../view/view.ts";
import type { ClusterSession } from "./session.ts";

const worker = new URL("session-worker.ts", import.meta.url);

type Host = Pick<KubernetesContext, "cluster" | "clock" | "images" | "sessions">;

/** See `Platform.exec`. The API shows no files of a pod: whether the command is there, its image tells. */
export function access(host: Host): Access {
  return {
    async check(server, command, call) {
      const pod = await running(host, server, call);
      await requireExecRight(host.cluster, call);
      await host.images.requireCommand(imageOf(pod), command, call);
    },
    isolate: async (server, call) => void (await takenOut(host, server, call)),
    enter: (order, call) => enter(host, order, call),
  };
}

/** The session's program gets the credentials of now in a file that its user alone reads, and removes it. */
async function enter(
  host: Host,
  { server, session, command, terminal }: ExecOrder,
  call: Call,
): Promise<Entrance> {
  const { cluster, sessions } = host;
  const pod = await running(host, server, call);
  await sweep(host, call);
  const folder = join(sessions, pod.metadata.name);
  const transcript = newTranscript(folder, session);
  const file = join(folder, `session-${session}.json`);
  const order: ClusterSession = {
    access: await cluster.api.access(call.signal),
    ...{ path: cluster.pathOf("pods", `${pod.metadata.name}/exec`), container: containerName },
    ...{ command: [...command], terminal },
  };
  writeFileSync(file, JSON.stringify(order), { mode: 0o600 });
  return { argv: sessionArgv(worker, file), transcript };
}

/** Sessions in pods that are gone have nothing to tell any more. */
async function sweep({ cluster, sessions }: Host, call: Call): Promise<void> {
  for (const name of namesIn(sessions)) {
    if ((await cluster.pod(name, call)) === undefined)
      rmSync(join(sessions, name), { recursive: true, force: true });
  }
}

async function running({ cluster }: Host, server: ServerId, call: Call): Promise<FoundPod> {
  const pod = await cluster.pod(server, call);
  const runs = pod?.status.containerStatuses.some(({ state }) => state.running !== undefined);
  if (pod !== undefined && runs && !isGoing(pod)) return pod;
  throw new KilnError("server_unknown", `No server ${server} is running.`, {
    hint: "`kiln servers` lists them.",
  });
}
