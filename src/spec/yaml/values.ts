import { z } from "zod";
import { driftKinds } from "../../domain/drift/drift.ts";
import type { StatusRange } from "../../domain/spec/health-check.ts";

/** The small grammars of kiln.yaml. Each parser returns undefined for text outside its grammar; `schema.ts` reports that. */

const unitMs = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** `1h30m`, `10s`, `500ms`, `0s`: whole numbers with units, largest unit first, each unit once. */
export const durationPattern = /^(?=\d)(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/;

export function parseDuration(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g)) {
    total += Number(amount) * unitMs[unit as keyof typeof unitMs];
  }
  return total;
}

const unitBytes: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
};

/** Binary (IEC 80000-13: KiB, MiB, GiB, TiB) or decimal (SI: kB, MB, GB, TB) units. */
export const sizePattern = /^\d+(\.\d+)?([KMGT]iB|[kMGT]B)$/;

/** Whole bytes, rounded down. */
export function parseSize(text: string): number | undefined {
  const match = /^([\d.]+)([A-Za-z]+)$/.exec(text);
  if (!match || !sizePattern.test(text)) return undefined;
  return Math.floor(Number(match[1]) * (unitBytes[match[2] ?? ""] ?? Number.NaN));
}

/** As images name their stop signal, in capitals: `SIGQUIT`, `TERM`, `RTMIN+3` (signal(7)). */
export const signalPattern =
  /^(SIG)?(HUP|INT|QUIT|ABRT|USR1|USR2|ALRM|TERM|CONT|PWR|WINCH|RTMIN(\+\d{1,2})?|RTMAX(-\d{1,2})?)$/;

export function parseSignal(text: string): string {
  return `SIG${text.replace(/^SIG/, "")}`;
}

/** Absolute, and the only way to write that path: no `.`, `..`, `//`, no slash at the end, not `/` itself. */
export const containerPathPattern = /^(\/(?!\.{1,2}(\/|$))[^/]+)+$/;

/** The same, or `/`. */
export const targetPathPattern = new RegExp(`^/$|${containerPathPattern.source}`);

/** Of any form, but short enough for the router. */
export const machinePathPattern = /^[^~].{0,999}$/u;

/** The path that was probably meant, or undefined when that is unknown. */
export function normalisedPath(text: string): string | undefined {
  const parts = text.split("/").filter((part) => part !== "" && part !== ".");
  return parts.length === 0 || parts.includes("..") ? undefined : `/${parts.join("/")}`;
}

/** RFC 1123 section 2.1: labels of letters, digits and hyphens, at most 63 each. */
export const hostPattern =
  /^(?=.{1,254}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$/;

/** The same, or with a star in place of its first label, as in a certificate (RFC 9525, section 6.3). */
export const hostOrWildcardPattern = new RegExp(`^(\\*\\.)?${hostPattern.source.slice(1)}`);

/** In lower case, and without the dot that may end a full name (RFC 1034, section 3.1). */
export function plainHost(text: string): string {
  return text.toLowerCase().replace(/\.$/, "");
}

export const ipPattern = /^[0-9a-fA-F:.]+$/;
export const networkPattern = /^[0-9a-fA-F:.]+(\/\d{1,3})?$/;

export function isAddress(text: string): boolean {
  return z.union([z.ipv4(), z.ipv6()]).safeParse(text).success;
}

export function isNetwork(text: string): boolean {
  return isAddress(text) || z.union([z.cidrv4(), z.cidrv6()]).safeParse(text).success;
}

/** Segments of RFC 3986, section 3.3, that need no quotes in the router's configuration. */
export const routePathPattern = /^\/$|^(?=.{2,200}$)(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~!$&()+,;=:@%-]+)+\/?$/;

/** XPG form of a locale's name, as in locale(7): language, territory, encoding, variant. */
export const localePattern = /^(C|POSIX|[a-z]{2,3}(_[A-Z]{2})?)(\.[A-Za-z0-9-]{1,20})?(@[a-z]{1,20})?$/;

/** Debian Policy 5.6.1 (names) and 5.6.12 (versions). */
export const packagePattern = /^[a-z0-9][a-z0-9+.-]+(=[0-9][0-9A-Za-z.+:~-]*)?$/;
export const packageNamePattern = /^[a-z0-9][a-z0-9+.-]+$/;

/** The one-line format of sources.list(5): `deb [options] uri suite component...`; an exact path ends in `/`. */
export const sourcePattern = /^deb( +\[[^\]\n]+\])? +[a-z][a-z0-9+.-]*:\S+ +(\S*\/|\S*[^\s/]( +[^\s[\]]+)+)$/;

/** OCI Distribution Specification, "Pulling manifests": a tag. */
export const versionPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Name or number, optionally with a group: OCI Image Configuration, `config.User`. Names as useradd(8) knows them. */
export const userPattern =
  /^([A-Za-z_][A-Za-z0-9_.-]{0,31}|\d{1,10})(:([A-Za-z_][A-Za-z0-9_.-]{0,31}|\d{1,10}))?$/;

/** Names of users and groups as useradd(8) knows them. */
export const accountPattern = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;

/** Numbers of a user are at most 2^32 - 2: the last one means "no change" to chown(2). */
export function userInRange(text: string): boolean {
  return text.split(":").every((part) => !/^\d+$/.test(part) || Number(part) <= 2 ** 32 - 2);
}

/** Path and query of RFC 3986, from the leading slash on. */
export const httpPathPattern = /^\/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,2000}$/;

/** RFC 9110, section 5.6.2: a token. */
const tokenPattern = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

/** Without those that say how the request itself is sent. */
export const headerNamePattern = new RegExp(
  `^(?!(host|connection|content-length|transfer-encoding|expect|upgrade|te|trailer)$)${tokenPattern.source.slice(1)}`,
  "i",
);
export const headerValuePattern = /^[\t -~]{0,2000}$/;

/** Statuses of HTTP from 100 to 599, and ranges of them. */
export const statusesPattern = /^[1-5]\d\d(-[1-5]\d\d)?(, ?[1-5]\d\d(-[1-5]\d\d)?){0,31}$/;

/** `200-299,401`; undefined where a range ends before it begins. */
export function parseStatuses(text: string): readonly StatusRange[] | undefined {
  const ranges = text.split(",").map((part) => {
    const [first = "", last = first] = part.trim().split("-");
    return { first: Number(first), last: Number(last) };
  });
  return ranges.every(({ first, last }) => first <= last) ? ranges : undefined;
}

export const envNamePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Names of files and of environment variables. */
export const secretNamePattern = /^[A-Z][A-Z0-9_]{0,63}$/;

/** As in `domain/ids.ts`: no dots, so that a service key can be split again. */
export const namePattern = /^[a-z][a-z0-9-]{0,31}$/;

/** A kind of drift, optionally with a pattern for its subject. */
export const driftPattern = new RegExp(`^(${driftKinds.join("|")})(:.{1,200})?$`);

export const modePattern = /^[0-7]{3,4}$/;

/** The nearest name of that form, or undefined when nothing is left of the text. */
export function tidyName(text: string): string | undefined {
  const tidy = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 32)
    .replace(/-$/, "");
  return namePattern.test(tidy) ? tidy : undefined;
}
