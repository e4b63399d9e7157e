import type { Culprit } from "../../domain/drift.ts";
import { linkIfThere, readIfThere } from "../../lib/process/proc.ts";

/** What proc(5) gives for `loginuid` when no one logged in. */
const nobody = 4_294_967_295;

/** Who a process is, read at once: it may be gone in a moment. */
export function culpritOf(pid: number): Culprit {
  const status = readIfThere(`/proc/${pid}/status`);
  const uid = /^Uid:\t(\d+)/m.exec(status ?? "")?.[1];
  const login = readIfThere(`/proc/${pid}/loginuid`);
  const loginUid = login === undefined || login.trim() === "" ? nobody : Number(login);
  return {
    pid,
    uid: uid === undefined ? -1 : Number(uid),
    loginUid: loginUid === nobody ? undefined : loginUid,
    executable: linkIfThere(`/proc/${pid}/exe`),
    name: /^Name:\t(.*)/m.exec(status ?? "")?.[1] ?? "",
  };
}
