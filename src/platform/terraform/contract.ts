import { BlockList, isIP, isIPv4 } from "node:net";
import { z } from "zod";
import type { ServerId } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { KilnError } from "../../lib/errors.ts";

/** What a module gets to know of the group that it makes, in addition to the release. */
export interface GroupPlace {
  /** Tells installations apart: eight hex digits. */
  readonly installation: string;
  readonly target: string;
  /** What machines pull, by digest. Undefined without a registry. */
  readonly reference: string | undefined;
}

/** One server, as the module's output `servers` tells it. */
export interface ToldServer {
  readonly name: ServerId;
  /** The cloud's own id of it. */
  readonly id: string;
  /** IP address at which this machine reaches it. */
  readonly address: string;
}

/**
 * The value of the module's `variable "kiln"`, docs/terraform.md. Only `servers` differs between two calls of one group. There is no
 * secret in it: Terraform keeps it in its plans.
 */
export function kilnVariable(
  { service, number, image, shape, health }: Release,
  servers: readonly ServerId[],
  { installation, target, reference }: GroupPlace,
): Readonly<Record<string, unknown>> {
  const { check } = health;
  return {
    ...{ service, release: number, servers: servers.toSorted() },
    image: { digest: image, reference: reference ?? null },
    port: shape.port ?? null,
    cpus: shape.cpus ?? null,
    memory_mib: shape.memoryBytes === undefined ? null : Math.ceil(shape.memoryBytes / 2 ** 20),
    env: {
      ...{ KILN_SERVICE: service, KILN_RELEASE: String(number) },
      ...(shape.port === undefined ? {} : { PORT: String(shape.port) }),
      ...shape.env,
    },
    writable: shape.writable,
    health: { kind: check.kind, path: check.kind === "http" ? check.path : null },
    tags: {
      ...{ "kiln-installation": installation, "kiln-target": target },
      ...{ "kiln-service": service, "kiln-release": String(number) },
    },
  };
}

const toldSchema = z.array(
  z.object({ name: z.string(), id: z.string().regex(/^[\x20-\x7e]{1,512}$/), address: z.string() }),
);

/**
 * The module's output `servers`, checked: each server that was asked for, once, and no other, each with an address of its own
 * that a server can have. `used`: addresses of other servers. Throws `module_invalid`.
 */
export function checkServers(
  output: unknown,
  wanted: readonly ServerId[],
  used: ReadonlyMap<string, ServerId> = new Map(),
): readonly ToldServer[] {
  const result = toldSchema.safeParse(output);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw broken(`is not a list of { name, id, address }: ${issue?.path.join(".")} ${issue?.message}`);
  }
  const told = result.data;
  for (const { name, address } of told) {
    if (!wanted.includes(name)) throw broken(`has a server ${JSON.stringify(name)} that was not asked for`);
    if (!isServerAddress(address))
      throw broken(`gives ${name} the address ${JSON.stringify(address)}, which no server has`);
  }
  const taken = told.find(({ address }) => used.has(address));
  if (taken)
    throw broken(`gives ${taken.name} the address ${taken.address}, which ${used.get(taken.address)} has`);
  const twice = (of: (server: ToldServer) => string) =>
    told.find((one, index) => told.findIndex((other) => of(other) === of(one)) !== index);
  const named = twice(({ name }) => name);
  if (named) throw broken(`has ${named.name} twice`);
  const shared = twice(({ address }) => address);
  if (shared) throw broken(`gives the address ${shared.address} to two servers`);
  const missing = wanted.find((name) => !told.some((one) => one.name === name));
  if (missing !== undefined) throw broken(`lacks ${missing}`);
  return told;
}

function broken(what: string): KilnError {
  return new KilnError("module_invalid", `The module's output \`servers\` ${what}.`, {
    permanent: true,
    hint: "It has to be a list with one { name, id, address } for each name of `var.kiln.servers`: docs/terraform.md.",
  });
}

/** Where clouds have a machine's metadata, or agents that know its secrets, outside of link-local addresses: Alibaba, Oracle, Azure, AWS. */
const metadata = new BlockList();
for (const address of ["100.100.100.200", "192.0.0.192", "168.63.129.16"]) metadata.addAddress(address);
metadata.addAddress("fd00:ec2::254", "ipv6");

/** No link-local, multicast, broadcast or unspecified one: at some of them is the machine's own metadata (RFC 3927, RFC 1112). */
function isServerAddress(address: string): boolean {
  if (isIP(address) === 0 || metadata.check(address, isIPv4(address) ? "ipv4" : "ipv6")) return false;
  if (isIPv4(address)) return !/^(0\.|169\.254\.|22[4-9]\.|23\d\.|24\d\.|25\d\.)/.test(address);
  return !/^(::1?$|::ffff:|fe[89ab]|ff)/i.test(address);
}
