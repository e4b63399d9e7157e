import { expect, test } from "vitest";
import { KilnError } from "../lib/errors.ts";
import { checkRegion } from "./region.ts";
import { treeOf } from "./test-kit.ts";

const berlin = { "usr/share/zoneinfo/Europe/Berlin": "TZif2" };
const archive = { "usr/lib/locale/locale-archive": "" };
const german = { "usr/lib/locale/de_DE.utf8": null };

type Asked = Parameters<typeof checkRegion>[0];

async function fault(asked: Asked, paths: Parameters<typeof treeOf>[0] = {}, Env: readonly string[] = []) {
  const place = { file: "kiln.yaml", line: 7, column: 3 };
  const error = await checkRegion(asked, { Env: [...Env] }, treeOf(paths), async () => place).then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error === undefined) return "";
  if (!(error instanceof KilnError)) throw error;
  expect(error.problems).toMatchObject([{ place }]);
  return `${error.code}: ${error.hint}`;
}

test.each<[Asked, Parameters<typeof treeOf>[0]]>([
  [{}, {}],
  [{ timeZone: "UTC" }, {}],
  [{ timeZone: "Europe/Berlin" }, berlin],
  [
    { timeZone: "Arctic/Longyearbyen" },
    { ...berlin, "usr/share/zoneinfo/Arctic/Longyearbyen": { to: "../Europe/Berlin" } },
  ],
  [{ locale: "C.UTF-8" }, {}],
  [{ locale: "POSIX" }, {}],
  [{ locale: "de_DE.UTF-8" }, german],
  [{ locale: "de_DE.utf8" }, german],
  [{ locale: "de_DE@euro" }, { "usr/lib/locale/de_DE@euro": null }],
  [{ locale: "de_DE.UTF-8" }, archive],
])("%j is there in %j", async (asked, paths) => {
  expect(await fault(asked, paths)).toBe("");
});

test("a time zone or locale that the image lacks is refused with its package", async () => {
  expect(await fault({ timeZone: "Europe/Berlin" })).toMatch(/^zone_missing: .*\[tzdata\]/);
  // A folder of zones is not a zone.
  expect(await fault({ timeZone: "Europe" }, { "usr/share/zoneinfo/Europe": null })).toMatch(/^zone_missing/);
  const others = { "usr/share/zoneinfo/Etc/UTC": "TZif2" };
  expect(await fault({ timeZone: "US/Pacific" }, others)).toMatch(/^zone_missing: .*\[tzdata-legacy\]/);
  expect(await fault({ locale: "de_DE.UTF-8" })).toMatch(/^locale_missing: .*\[locales-all\]/);
  expect(await fault({ locale: "de_DE" }, german)).toMatch(/^locale_missing/);
});

test("a locale that the image's LC_ALL would hide is refused", async () => {
  expect(await fault({ locale: "de_DE.UTF-8" }, german, ["LC_ALL=C"])).toMatch(/^locale_missing: .*LC_ALL/);
  expect(await fault({ locale: "de_DE.UTF-8" }, german, ["LC_ALL="])).toBe("");
});
