import { KilnError, toKilnError } from "../../../lib/errors.ts";
import type { Call } from "../../contract/call.ts";
import type { HostJob, HostServer, ServerSpec } from "../../fleet/host.ts";
import { parseJobId } from "../../fleet/server-id.ts";
import { findDevice } from "../../linux/devices.ts";
import { openFilesLimit } from "../../linux/limits.ts";
import { openContent, placeContent, secretVariables } from "../../linux/placed-content.ts";
import { startFailure } from "../../linux/start-failure.ts";
import type { DockerContext } from "../context.ts";
import { createdContainer, engineInfo } from "../engine/answers.ts";
import { EngineRefusal } from "../engine/engine.ts";
import type { LoadedImage } from "../images.ts";
import type { Addresses } from "../network.ts";
import { containerBody } from "./container.ts";
import { contentPaths, removeContainer } from "./end-container.ts";
import { lookAt } from "./list-containers.ts";
import { observeServer } from "./observed-server.ts";
import { type ContainerRecord, hostServer } from "./record.ts";

/** See `Host.create` and `Host.runJob`. The caller holds the server's lock. */
export async function createContainer(
  host: DockerContext,
  spec: ServerSpec | HostJob,
  call: Call,
): Promise<HostServer> {
  requireNoVolumes(spec);
  const known = await knownServer(host, spec, call);
  if (known?.started || known?.exit) return hostServer(known);
  for (const device of spec.release.shape.devices ?? []) findDevice(device);
  if (known) await removeContainer(host, known, call);
  const { id, image } = await host.images.ensure(spec.release.image, call);
  const loaded = { id, image: "command" in spec ? { ...image, argv: spec.command } : image };
  const record = await claim(host, spec, loaded, call);
  try {
    return hostServer(await start(host, record, loaded, call));
  } catch (error) {
    await giveUp(host, record);
    throw error;
  }
}

/** A server that lost its data with each rollout would be worse than none. */
function requireNoVolumes({ id, release }: ServerSpec | HostJob): void {
  const [volume] = release.shape.volumes ?? [];
  if (volume === undefined) return;
  throw new KilnError(
    "server_failed",
    `${id} cannot start: its volume ${volume.name} cannot be kept on Docker.`,
    {
      hint: "Take `volumes` out of kiln.yaml, or deploy to the target `local`.",
      permanent: true,
    },
  );
}

/** After a crash only the engine knows whether the command was started. */
async function knownServer(host: DockerContext, { id }: ServerSpec | HostJob, call: Call) {
  const record = host.records.read(id);
  return record?.container === undefined ? record : lookAt(host, record, call);
}

/** The record, and with it the server's address, before anything else of it is there. */
async function claim(
  { records, network, clock }: DockerContext,
  { id, release }: ServerSpec | HostJob,
  { image }: LoadedImage,
  call: Call,
): Promise<ContainerRecord> {
  const user = { uid: image.uid, gid: image.gid };
  return network.place(
    () => addressesIn(records.all()),
    (place) => {
      const record = { format: 1 as const, id, release, createdAtMs: clock.now(), ...place, user };
      records.write(record);
      return record;
    },
    call,
  );
}

function addressesIn(records: readonly ContainerRecord[]): Addresses {
  const newest = records.reduce<ContainerRecord | undefined>(
    (a, b) => (a === undefined || b.createdAtMs >= a.createdAtMs ? b : a),
    undefined,
  );
  return { used: records.map(({ address }) => address), last: newest?.address };
}

async function start(
  host: DockerContext,
  record: ContainerRecord,
  { id: imageId, image }: LoadedImage,
  call: Call,
): Promise<ContainerRecord> {
  const { engine, names, records } = host;
  const { id, release, address } = record;
  const { signal } = call;
  const content = await openContent(host, release);
  const binds = await placeContent(contentPaths(host, id), image, content);
  const variables = secretVariables(content);
  const seccomp = await hasSeccomp(host, call);
  const input = {
    id,
    release,
    image,
    imageId,
    names,
    address,
    binds,
    variables,
    seccomp,
    openFiles: openFilesLimit(),
  };
  const made = await engine.read(
    {
      ...{ method: "POST", path: "/containers/create", query: { name: names.container(id) } },
      ...{ body: containerBody(input), signal },
    },
    createdContainer,
  );
  const container = { ...record, container: made?.Id ?? "" };
  records.write(container);
  try {
    await engine.send({ method: "POST", path: `/containers/${container.container}/start`, signal });
  } catch (error) {
    throw error instanceof EngineRefusal ? failure(record, image.argv[0] ?? "", error) : error;
  }
  const running = { ...container, started: true };
  records.write(running);
  await observeServer(host, running, call);
  return running;
}

async function hasSeccomp({ engine }: DockerContext, { signal }: Call): Promise<boolean> {
  const info = await engine.read({ path: "/info", signal }, engineInfo);
  return info?.SecurityOptions?.some((option) => option.startsWith("name=seccomp")) ?? false;
}

function failure({ id }: ContainerRecord, program: string, { words }: EngineRefusal): KilnError {
  const key = parseJobId(id) === undefined ? "image.command" : "jobs";
  const innermost = words.replace(/^.*OCI runtime create failed: /s, "").replace(/: unknown$/, "");
  return startFailure(id, program, innermost, key);
}

/** What could not be started leaves nothing, not even a record: the error says why it failed. */
async function giveUp(host: DockerContext, record: ContainerRecord): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  try {
    const now = host.records.read(record.id) ?? record;
    await removeContainer(host, now, { signal, deadline: Number.POSITIVE_INFINITY });
  } catch (error) {
    host.log.warn({ server: record.id, error: toKilnError(error).message }, "left for the next destroy");
  }
}
