/**
 * Loaded into a process with a store (`node --import`): it is killed (kill -9) before or after the first transaction that records an event of a kind is on the disk.
 * `KILN_TEST_CRASH`: `before access.exchanged`.
 */
import { DatabaseSync, StatementSync } from "node:sqlite";

const [moment, kind] = (process.env.KILN_TEST_CRASH ?? "").split(" ");
const { run } = StatementSync.prototype;
const { exec } = DatabaseSync.prototype;
let isRecorded = false;

StatementSync.prototype.run = function (this: StatementSync, ...values: unknown[]) {
  isRecorded ||= values.includes(kind);
  return Reflect.apply(run, this, values);
};

DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
  if (sql === "ROLLBACK") isRecorded = false;
  const isDue = isRecorded && sql === "COMMIT";
  if (isDue && moment === "before") process.kill(process.pid, "SIGKILL");
  Reflect.apply(exec, this, [sql]);
  if (isDue) process.kill(process.pid, "SIGKILL");
};
