import type { Client } from "../api.ts";
import type { Word } from "./expected.ts";

/** What the names of a kind are looked up with. */
export interface Question {
  readonly client: Pick<
    Client,
    "overview" | "services" | "images" | "history" | "targets" | "secrets" | "volumes" | "evidence" | "trust"
  >;
  /** The one that the command line is about, as far as that is known; undefined: any. */
  readonly service: string | undefined;
}

type Lookup = (asked: Question) => Promise<readonly Word[]>;

/** As many as one page of the overview has. */
const mostServices = 1_000;

const services: Lookup = async ({ client }) => {
  const { services } = await client.overview({ limit: mostServices });
  return services.map((it) => ({ value: it.service, about: "service" }));
};

const servers: Lookup = async ({ client }) => {
  const all = await client.services();
  return all.flatMap(({ servers }) => servers.map((it) => ({ value: it.id, about: it.state })));
};

const images: Lookup = async ({ client }) => {
  const all = await client.images({});
  return all.map(({ service, version }) => ({ value: `${service}:${version}`, about: "image" }));
};

const versions: Lookup = async ({ client, service }) => {
  const all = await client.images(service === undefined ? {} : { service: service.replace(/\..*$/, "") });
  return all.map(({ version }) => ({ value: version, about: "version" }));
};

const releases: Lookup = async ({ client, service }) => {
  if (service === undefined) return [];
  const { releases } = await client.history({ service });
  return releases.map(({ release, state }) => ({
    value: String(release.number),
    about: `${release.version}, ${state}`,
  }));
};

const targets: Lookup = async ({ client }) => {
  const all = await client.targets({});
  return all.map(({ name, platform }) => ({ value: name, about: platform }));
};

const secrets: Lookup = async ({ client, service }) => {
  const all = await client.secrets(service === undefined ? {} : { service });
  return all.map(({ name, service: of }) => ({ value: name, about: `secret of ${of}` }));
};

const volumes: Lookup = async ({ client, service }) => {
  const all = await client.volumes(service === undefined ? {} : { service });
  return all.map(({ name, service: of }) => ({ value: name, about: `volume of ${of}` }));
};

const evidence: Lookup = async ({ client }) => {
  const all = await client.evidence({});
  return all.map(({ server }) => ({ value: server, about: "evidence" }));
};

const keys: Lookup = async ({ client }) => {
  const { keys } = await client.trust({});
  return keys.map(({ name }) => ({ value: name, about: "trusted key" }));
};

/** By what a value is called in the help, or by its command and that where the name alone does not tell. */
const lookups: Readonly<Record<string, Lookup>> = {
  SERVICE: services,
  SERVER: servers,
  IMAGE: images,
  RELEASE: releases,
  TARGET: targets,
  "deploy VERSION|DIGEST": versions,
  "secret set NAME": secrets,
  "secret rm NAME": secrets,
  "volume show NAME": volumes,
  "volume snapshot NAME": volumes,
  "volume restore NAME": volumes,
  "volume export NAME": volumes,
  "volume import NAME": volumes,
  "volume rm NAME": volumes,
  "evidence show SERVER": evidence,
  "evidence export SERVER": evidence,
  "target show NAME": targets,
  "target rm NAME": targets,
  "trust revoke NAME": keys,
  "trust require NAME": keys,
};

/** What names a value of one of these kinds can have: asked from the controller. */
export async function namesFor(
  kinds: readonly string[],
  of: string,
  asked: Question,
): Promise<readonly Word[]> {
  const own = lookups[of];
  const used = own === undefined ? kinds.flatMap((kind) => lookups[kind] ?? []) : [own];
  return (await Promise.all(used.map((lookup) => lookup(asked)))).flat();
}

/** Whether a controller has to be asked for it. */
export function isNamed(kinds: readonly string[], of: string): boolean {
  return of in lookups || kinds.some((kind) => kind in lookups);
}
