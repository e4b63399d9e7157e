import { digestOf } from "../../lib/files/sha256.ts";
import { corrupt, type Database } from "../sqlite/database.ts";

/** Each under its digest; what is there already is left as it is. */
export function insertContents(db: Database, contents: ReadonlyMap<string, Uint8Array>): void {
  for (const [digest, bytes] of contents) {
    db.run("INSERT INTO contents (digest, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING", digest, bytes);
  }
}

/** Throws `state_corrupt` when it is not there, or not what its digest says. */
export function selectContent(db: Database, digest: string): Uint8Array {
  const row = db.get<{ readonly bytes: Uint8Array }>("SELECT bytes FROM contents WHERE digest = ?", digest);
  if (row === undefined || digestOf(row.bytes) !== digest) {
    throw corrupt(db.path, `the content ${digest} is ${row === undefined ? "missing" : "altered"}`);
  }
  return row.bytes;
}

/** What no kept release has any more. */
export function deleteUnusedContents(db: Database): void {
  db.run(
    `DELETE FROM contents WHERE digest NOT IN
       (SELECT file.value ->> 'digest' FROM releases, json_each(releases.draft, '$.files') AS file)`,
  );
}
