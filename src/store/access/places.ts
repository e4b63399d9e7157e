import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import { type AllowedPlaces, isDevice } from "../../domain/access/places.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Database } from "../sqlite/database.ts";
import type { Workbench } from "../workbench.ts";

/** In the order of the alphabet. */
export function selectPlaces(db: Database): AllowedPlaces {
  const places = db
    .all<{ readonly place: string }>("SELECT place FROM access_places ORDER BY place")
    .map(({ place }) => place);
  const isFile = (place: string) => place.startsWith("/");
  return { files: places.filter(isFile), urls: places.filter((place) => !isFile(place)) };
}

/** Repeating it is fine. */
export function allowPlace({ db, log }: Workbench, place: string, by: Asker): void {
  const { changes } = db.run("INSERT OR IGNORE INTO access_places (place) VALUES (?)", place);
  if (changes === 0) return;
  log.append({
    service: undefined,
    kind: "access.allowed",
    message: isDevice(place)
      ? `${askerName(by)} lets services have the device ${place}${why(by)}`
      : `${askerName(by)} lets requests over the network name ${place}${why(by)}`,
    data: { place, ...askerData(by) },
  });
}

/** Throws `access_unknown`. */
export function disallowPlace({ db, log }: Workbench, place: string, by: Asker): void {
  if (db.run("DELETE FROM access_places WHERE place = ?", place).changes === 0) {
    throw new KilnError("access_unknown", `${place} is not allowed anyway.`, {
      hint: "`kiln access ls` lists what is.",
    });
  }
  log.append({
    service: undefined,
    kind: "access.disallowed",
    message: isDevice(place)
      ? `${askerName(by)} no longer lets services have the device ${place}${why(by)}`
      : `${askerName(by)} no longer lets requests over the network name ${place}${why(by)}`,
    data: { place, ...askerData(by) },
  });
}
