import { linkIfThere, readIfThere } from "../../lib/process/proc.ts";

/** A process that did something to a server, as the kernel reports it. */
export interface Culprit {
  readonly pid: number;
  /** User id; undefined when the process was gone before it could be asked. */
  readonly uid: number | undefined;
  /** The user id that logged in, proc(5) `loginuid`; undefined when none did or it is not known. */
  readonly loginUid: number | undefined;
  /** Absolute path on the machine; undefined when it was gone. */
  readonly executable: string | undefined;
  /** The name of its thread, proc(5) `comm`. */
  readonly name: string;
}

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
    uid: uid === undefined ? undefined : Number(uid),
    loginUid: loginUid === nobody ? undefined : loginUid,
    executable: linkIfThere(`/proc/${pid}/exe`),
    name: /^Name:\t(.*)/m.exec(status ?? "")?.[1] ?? "",
  };
}

/** `/usr/sbin/runc pid 4711 uid 0 (login 1000)`. */
export function culpritText({ pid, uid, loginUid, executable, name }: Culprit): string {
  const login = loginUid === undefined || loginUid === uid ? "" : ` (login ${loginUid})`;
  return `${executable ?? name} pid ${pid}${uid === undefined ? "" : ` uid ${uid}`}${login}`;
}
