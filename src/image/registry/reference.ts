/** An image in a registry, as a person names it: `registry.example/team/shop:1.4.0`. */
export interface Reference {
  /** Where the registry is served, for example `https://registry.example`. */
  readonly origin: string;
  /** Host with port, as written: what credentials are stored under. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/**
 * A host needs a dot, a port, or to be `localhost`: otherwise it could be a part of the name. Name and tag follow
 * the OCI distribution specification, "Pulling manifests". `http://` is for registries on this machine.
 */
const host = String.raw`(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d{1,5})?|[A-Za-z0-9-]+:\d{1,5}|localhost|\[[0-9A-Fa-f:]+\](?::\d{1,5})?)`;
const name = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*`;
const tag = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}";
const digest = "sha256:[0-9a-f]{64}";

/** The source of a regular expression for a reference with a tag, a digest, or both. */
export const pinnablePattern = `(?:http:\\/\\/)?${host}\\/${name}(?::${tag}(?:@${digest})?|@${digest})`;

const written = new RegExp(`^(http://)?(${host})/(${name})(?::(${tag}))?(?:@(${digest}))?$`);

/** The distribution specification allows longer ones; other clients and registries do not. */
const longestName = 255;

/** Undefined for anything else, such as a port or an address that cannot be, and for `http://` with a host that is not this machine. */
export function parseReference(text: string): Reference | undefined {
  const [, scheme, at = "", path = "", label, pinned] = written.exec(text) ?? [];
  if (at === "" || at.length + path.length > longestName) return undefined;
  if (scheme !== undefined && !isThisMachine(at)) return undefined;
  const served = dockerHub.names.includes(at) ? dockerHub.api : at;
  const repository = served === dockerHub.api && !path.includes("/") ? `library/${path}` : path;
  const url = `${scheme ?? "https://"}${served}`;
  if (!URL.canParse(url)) return undefined;
  return {
    origin: new URL(url).origin,
    host: at,
    repository,
    tag: label,
    digest: pinned,
  };
}

/** Only there plain HTTP crosses no network. `at` is a host, with or without a port. */
export function isThisMachine(at: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(at);
}

/** The registry that other tools assume where none is named has several names for itself. */
export const dockerHub = {
  names: ["docker.io", "index.docker.io", "registry-1.docker.io"],
  api: "registry-1.docker.io",
  /** What `docker login` stores its credentials under. */
  credentialKey: "https://index.docker.io/v1/",
};

/** For messages: without a scheme, with the digest's first digits. */
export function referenceText({ host, repository, tag, digest }: Reference): string {
  return `${host}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest.slice(0, 19)}…`}`;
}
