import { isIP } from "node:net";
import { KilnError } from "./errors.ts";

/** Where to listen: an address that only this machine reaches. */
export interface LoopbackAddress {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:9645`, `localhost:9645` or `[::1]:9645`. Throws `usage`. */
export function parseLoopback(text: string): LoopbackAddress {
  const [, host = "", digits = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (isLoopback(host) && digits !== "" && port <= 65_535)
    return { host: host.replaceAll(/[[\]]/g, ""), port };
  throw new KilnError("usage", `${text} is not a loopback address with a port.`, {
    hint: "Expected one such as 127.0.0.1:9645. There is neither TLS nor a password, so only this machine may reach it.",
  });
}

/** Whether this host, as a URL has it (`localhost`, `127.0.0.1`, `[::1]`), is this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || (isIP(host) === 4 && host.startsWith("127."));
}
