import type { ContractEntry } from "../entry.ts";

/** The part of the table about single servers. */
export const serversTable = {
  /** Or a reproduction. Throws `server_unknown`, `server_in_use`. */
  destroyServer: {
    method: "POST",
    path: "/v1/servers/:server/destroy",
    needs: "operate server",
    summary: "Destroys a server that is kept in quarantine.",
    asks: "ChangeServer",
  },
  /** Resolves when the copy is being started; a server has one copy at most, and an existing copy is left as it is. Throws `server_unknown`, `platform_unusable`. */
  reproduce: {
    method: "POST",
    path: "/v1/servers/:server/reproduce",
    needs: "operate server",
    summary: "Starts a copy of this server, in no group and without traffic.",
    asks: "ChangeServer",
    answers: "Reproduced",
  },
  /** The server is taken out of traffic and replaced, but neither frozen nor destroyed before the session is over. A reproduction is only entered. Throws `server_unknown`, `exec_refused`, `command_missing`, `usage`. */
  exec: {
    method: "POST",
    path: "/v1/servers/:server/exec",
    needs: "local",
    summary: "Taints a server and opens a session in it; answers with the command to run on its machine.",
    asks: "Exec",
    answers: "ExecGrant",
  },
  /** A session that is already over is not an error. */
  endExec: {
    method: "POST",
    path: "/v1/sessions/:session/end",
    needs: "local",
    summary: "Ends a session in a server.",
    asks: "EndExec",
  },
  logs: {
    method: "GET",
    path: "/v1/servers/:server/logs",
    needs: "view server",
    summary: "What a server or job wrote, oldest first.",
    asks: "Logs",
    items: "LogLine",
  },
  /** The lines of one server are in their order. With `follow`, also of servers that begin later. Throws `service_unknown`. */
  serviceLogs: {
    method: "GET",
    path: "/v1/services/:service/logs",
    needs: "view service",
    summary: "What all servers of a service and its running jobs write, each line with its server.",
    asks: "ServiceLogs",
    items: "ServerLine",
  },
  /** With `follow` until the service is gone. Throws `service_unknown`, and `usage` for a service that has no access log. */
  accessLog: {
    method: "GET",
    path: "/v1/services/:service/access-log",
    needs: "view service",
    summary: "The requests that the router has passed to a service, oldest first.",
    asks: "AccessLog",
    items: "AccessEntry",
  },
} as const satisfies Record<string, ContractEntry>;
