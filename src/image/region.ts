import type { ServiceSpec } from "../domain/spec/spec.ts";
import { KilnError } from "../lib/errors.ts";
import { type FindPlace, placed } from "./commands.ts";
import { lookUp } from "./layers/tree.ts";
import type { ProcessConfig } from "./store/oci-types.ts";
import type { TarTree } from "./tar/entry.ts";

/**
 * Throws `zone_missing` and `locale_missing`, with their place in the user's file, unless programs of the image find what
 * `servers.timeZone` and `servers.locale` name: the C library says nothing, and takes UTC and C in their place.
 */
export async function checkRegion(
  { timeZone, locale }: Pick<ServiceSpec, "timeZone" | "locale">,
  process: ProcessConfig,
  root: TarTree,
  findPlace: FindPlace,
): Promise<void> {
  if (timeZone !== undefined && !hasZone(root, timeZone))
    throw await placed(noZone(root, timeZone), ["servers", "timeZone"], findPlace);
  if (locale === undefined) return;
  const fault = localeFault(root, locale, process.Env ?? []);
  if (fault !== undefined) throw await placed(fault, ["servers", "locale"], findPlace);
}

const zones = "usr/share/zoneinfo";

/** The C library needs no file for UTC. */
function hasZone(root: TarTree, zone: string): boolean {
  return zone === "UTC" || lookUp(root, `${zones}/${zone}`)?.type === "file";
}

function noZone(root: TarTree, zone: string): KilnError {
  const hasOthers = lookUp(root, `${zones}/Etc/UTC`) !== undefined;
  const hint = hasOthers
    ? "Take another name of the zone, or add the package with old names: `packages: [tzdata-legacy]`, from Debian 13 on."
    : "Add `packages: [tzdata]`, or install tzdata in the base of the image. For a program that has its own time zones, as Node.js and many of Go have, write `servers: { env: { TZ: … } }` instead, which is not checked.";
  return new KilnError("zone_missing", `The image has no time zone ${zone}: /${zones}/${zone} is missing.`, {
    hint,
  });
}

function localeFault(root: TarTree, locale: string, env: readonly string[]): KilnError | undefined {
  const over = env.find((pair) => pair.startsWith("LC_ALL=") && pair !== "LC_ALL=");
  if (over !== undefined)
    return new KilnError("locale_missing", `The image sets ${over}, which wins over \`servers.locale\`.`, {
      hint: "Write `servers: { env: { LC_ALL: … } }` instead of `servers.locale`.",
    });
  if (isBuiltIn(locale) || places(locale).some((path) => lookUp(root, path) !== undefined)) return undefined;
  return new KilnError("locale_missing", `The image has no locale ${locale} in /usr/lib/locale.`, {
    hint: "Add `packages: [locales-all]`, which adds some 220 MiB, or make the locale in the base of the image, or write `C.UTF-8`. For a program that has its own locales write `servers: { env: { LANG: … } }` instead, which is not checked.",
  });
}

/** glibc has it since 2.35, and Debian's libc-bin before; musl has no other. */
function isBuiltIn(locale: string): boolean {
  return /^(C|POSIX)(\.utf-?8)?$/i.test(locale);
}

/**
 * Where glibc looks: the archive, the name, and the name with the encoding in small letters and digits alone (locale/findlocale.c,
 * `_nl_normalize_codeset`). What an archive has is not read: it is there only where someone has chosen locales.
 */
function places(locale: string): readonly string[] {
  const [, name = "", encoding = "", variant = ""] = /^([^.@]*)(?:\.([^@]*))?(@.*)?$/.exec(locale) ?? [];
  const small = encoding === "" ? "" : `.${encoding.toLowerCase().replaceAll(/[^a-z0-9]/g, "")}`;
  return ["locale-archive", locale, `${name}${small}${variant}`].map((at) => `usr/lib/locale/${at}`);
}
