import { matches } from "../domain/access/access.ts";
import type { AllowedPlaces } from "../domain/access/places.ts";
import { KilnError } from "../lib/errors.ts";
import { isLinkLocal } from "../lib/net/addresses.ts";

/** The authority that is used when a service asks for a certificate and names no other. */
const publicAuthorities = "https://acme-v02.api.letsencrypt.org/";

/** A part of the argument of a deploy, a check or a plan, as far as it names places; the environments of a ladder are such parts too. */
interface Named {
  readonly draft?: Draft;
  readonly policy?: { readonly steps?: readonly Step[] };
}

interface Draft {
  readonly traffic?: { readonly tls?: Readonly<Record<string, unknown>> };
}

interface Step {
  readonly analysis?: { readonly http?: string; readonly query?: { readonly url?: string } };
}

/**
 * Throws `forbidden` when the argument names a file of the controller's machine or a URL that the controller would fetch, and neither is
 * allowed: otherwise a deployer could read any file and reach any address that the controller reaches.
 */
export function requireAllowed(asked: object, allowed: AllowedPlaces): void {
  const named = asked as Named;
  for (const part of Object.values(asked)) {
    if (typeof part === "object" && part !== null) requireAllowed(part, allowed);
  }
  for (const file of filesOf(named)) if (!isAllowedFile(file, allowed.files)) throw forbiddenFile(file);
  for (const url of urlsOf(named)) if (!isAllowedUrl(url, allowed.urls)) throw forbiddenUrl(url);
}

function filesOf({ draft }: Named): readonly string[] {
  const { certificate, key, acme } = draft?.traffic?.tls ?? {};
  const authority = (acme as { readonly authority?: string } | undefined)?.authority;
  return [certificate, key, authority].filter((path) => typeof path === "string");
}

function urlsOf({ draft, policy }: Named): readonly string[] {
  const acme = draft?.traffic?.tls?.acme as { readonly directory?: string } | undefined;
  const analyses = (policy?.steps ?? []).flatMap(({ analysis }) => [analysis?.http, analysis?.query?.url]);
  return [acme?.directory, ...analyses].filter((url) => url !== undefined);
}

/** A path with `..` could lead out of what is allowed. */
export function isAllowedFile(path: string, patterns: readonly string[]): boolean {
  const isPlain = path.startsWith("/") && !path.split("/").some((part) => part === ".." || part === ".");
  return isPlain && patterns.some((pattern) => matches(pattern, path));
}

export function isAllowedUrl(text: string, beginnings: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (isLinkLocal(url.hostname) || url.username !== "" || url.password !== "") return false;
  return [publicAuthorities, ...beginnings].some((beginning) => isBelow(url, beginning));
}

function isBelow(url: URL, beginning: string): boolean {
  const { origin, pathname } = new URL(beginning);
  const folder = pathname.endsWith("/") ? pathname : `${pathname}/`;
  const isWithin = (path: string) => path === pathname || path.startsWith(folder);
  return url.origin === origin && isWithin(url.pathname) && isWithin(asServersMayRead(url));
}

/** Some servers take an encoded slash for a slash, and then `..%2f` leads upwards. */
function asServersMayRead(url: URL): string {
  const read = new URL(url.origin);
  read.pathname = url.pathname.replaceAll(/%2f|%5c/gi, "/");
  return read.pathname;
}

function forbiddenFile(file: string): KilnError {
  return new KilnError("forbidden", `Requests over the network may not name the file ${file}.`, {
    hint: `Keep the certificate as a secret (traffic.tls.secret), deploy on the controller's machine, or let someone allow the file there: kiln access allow ${file}`,
  });
}

function originOf(url: string): string {
  return URL.canParse(url) ? `${new URL(url).origin}/` : "URL";
}

/**
 * Throws `usage` for a place that no request could name, or that allows more than someone who reads it would think: a path must begin with a whole
 * folder, and a URL have no more than its path.
 */
export function requirePlace(place: string): void {
  const isFile = /^\/[^*/]+\/\P{Cc}+$/u.test(place) && isAllowedFile(place, ["*"]);
  if (isFile || (!place.startsWith("/") && isBeginning(place))) return;
  throw new KilnError("usage", `${place} is not a place that requests can be allowed to name.`, {
    hint: "Expected a path below a folder, such as /etc/kiln/tls/*, or the beginning of a URL in its usual form, such as https://prometheus.example.com/api.",
  });
}

function isBeginning(text: string): boolean {
  if (!URL.canParse(text) || text.includes("*")) return false;
  const { protocol, search, hash, href } = new URL(text);
  const isWeb = protocol === "https:" || protocol === "http:";
  const isAsRead = href === text || href === `${text}/`; // nothing that is read as something else
  return isWeb && isAsRead && search === "" && hash === "" && isAllowedUrl(text, [text]);
}

function forbiddenUrl(url: string): KilnError {
  return new KilnError("forbidden", `Requests over the network may not name the URL ${url}.`, {
    hint: `Deploy on the controller's machine, where the URL may be named, or let someone allow it there: kiln access allow ${originOf(url)}`,
  });
}
