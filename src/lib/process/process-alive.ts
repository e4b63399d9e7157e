import { isErrno } from "../errors.ts";

/** Whether a process with this id exists. Signal 0 only checks (kill(2)); a process of another user counts too. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, "EPERM");
  }
}
