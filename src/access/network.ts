import type { RequestListener, Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { hostAndPort } from "../domain/access/login-text.ts";
import { isErrno, KilnError, toKilnError } from "../lib/errors.ts";
import { createLock } from "../lib/locks.ts";
import type { Logger } from "../lib/log.ts";
import type { Clock } from "../lib/time/clock.ts";
import type { ListenAddress } from "../store/access/access-store.ts";
import { currentCertificate, ownAddresses, type Shown } from "./certificates/keeper.ts";
import { createTlsServer } from "./tls-server.ts";

/** An API that answers requests of a server that it is given. */
export interface ServedApi {
  listen(options: { readonly host: string; readonly port: number }): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface NetworkParts {
  /** Where keys and certificates are kept. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly createApi: (server: (handler: RequestListener) => Server) => Promise<ServedApi>;
}

/** How the controller can be reached. */
export interface Open {
  /** `HOST:PORT` as it was asked for, with the port that was opened. */
  readonly address: string;
  /** `HOST:PORT` by which clients may reach it, names first. */
  readonly addresses: readonly string[];
  readonly pin: string;
}

/** An address may not be there yet when a machine starts. */
const retryMs = 10_000;
const renewalCheckMs = 12 * 3_600_000;

/** Listens for the network, while it is to. */
export class NetworkListener {
  readonly #parts: NetworkParts;
  #open: { readonly state: Open; close(): Promise<void> } | undefined;
  #trouble: string | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Undefined: it is not to listen. Only the newest counts, however long an earlier one takes. */
  #wanted: ListenAddress | undefined;
  readonly #lock = createLock();

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  /** Undefined: it does not listen. */
  get open(): Open | undefined {
    return this.#open?.state;
  }

  /** Why it does not listen although it should. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** In place of what was open. Throws `listen_failed`; then what was open before is closed. */
  listen(listener: ListenAddress): Promise<Open> {
    this.#want(listener);
    return this.#lock(async () => await this.#replace(listener));
  }

  async #replace(listener: ListenAddress): Promise<Open> {
    await this.#shut();
    this.#open = await this.#start(listener);
    return this.#open.state;
  }

  /** The same, again and again until it succeeds. */
  keepListening(listener: ListenAddress): Promise<void> {
    this.#want(listener);
    return this.#lock(async () => await this.#attempt(listener));
  }

  async #attempt(listener: ListenAddress): Promise<void> {
    if (this.#wanted !== listener) return;
    try {
      await this.#replace(listener);
      this.#trouble = undefined;
    } catch (error) {
      const { message } = toKilnError(error);
      if (message !== this.#trouble)
        this.#parts.log.error({ err: error }, "the controller cannot listen for the network");
      this.#trouble = message;
      if (this.#wanted !== listener) return;
      this.#retry = setTimeout(() => void this.#lock(() => this.#attempt(listener)), retryMs);
    }
  }

  close(): Promise<void> {
    this.#want(undefined);
    return this.#lock(() => this.#shut());
  }

  #want(listener: ListenAddress | undefined): void {
    clearTimeout(this.#retry);
    this.#trouble = undefined;
    this.#wanted = listener;
  }

  async #shut(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.close();
  }

  async #start({ address, names }: ListenAddress) {
    const { folder, clock, log } = this.#parts;
    const shown = await currentCertificate(folder, names, clock);
    let server: TlsServer | undefined;
    const api = await this.#parts.createApi((handler) => {
      server = createTlsServer(shown, handler);
      return server as unknown as Server;
    });
    const { host, port } = hostAndPort(address);
    try {
      await api.listen({ host: host === "" ? "::" : host, port });
    } catch (error) {
      await api.close();
      throw listenFailed(address, error);
    }
    server?.on("error", (error) => log.error({ err: error }, "a connection from the network failed"));
    const renewal = setInterval(() => void this.#renew(server, names, shown), renewalCheckMs);
    renewal.unref();
    const opened = (server?.address() as AddressInfo | null)?.port ?? port;
    return {
      state: stateOf(host, opened, names, shown),
      close: async () => {
        clearInterval(renewal);
        server?.closeAllConnections();
        await api.close();
      },
    };
  }

  /** What fails is tried again half a day later, 60 times before the certificate ends. */
  async #renew(server: TlsServer | undefined, names: readonly string[], before: Shown): Promise<void> {
    const { folder, clock, log } = this.#parts;
    try {
      const { key, chain, expiresAtMs } = await currentCertificate(folder, names, clock);
      if (chain === before.chain) return;
      server?.setSecureContext({ key, cert: chain, minVersion: "TLSv1.3", maxVersion: "TLSv1.3" });
      log.info({ expiresAtMs }, "the certificate for the network is renewed");
    } catch (error) {
      log.error({ err: error }, "the certificate for the network cannot be renewed");
    }
  }
}

function stateOf(host: string, port: number, names: readonly string[], { pin }: Shown): Open {
  const isAnywhere = host === "" || host === "::" || host === "0.0.0.0";
  const hosts = [...names, ...(isAnywhere ? byDistance(ownAddresses()) : [host])];
  const written = (one: string) => (one.includes(":") ? `[${one}]:${port}` : `${one}:${port}`);
  return { address: written(host === "" ? "::" : host), addresses: hosts.map(written), pin };
}

/** What other machines can reach first; IPv4 before IPv6. */
function byDistance(addresses: readonly string[]): readonly string[] {
  const rank = (address: string) =>
    (address.startsWith("127.") || address === "::1" ? 2 : 0) + (address.includes(":") ? 1 : 0);
  return addresses.toSorted((a, b) => rank(a) - rank(b));
}

function listenFailed(address: string, cause: unknown): KilnError {
  const why = isErrno(cause, "EADDRINUSE")
    ? "another program listens there"
    : isErrno(cause, "EADDRNOTAVAIL") || isErrno(cause, "ENOTFOUND")
      ? "this machine has no such address"
      : isErrno(cause, "EACCES")
        ? "ports below 1024 need root"
        : String(cause);
  return new KilnError("listen_failed", `The controller cannot listen at ${address}: ${why}.`, {
    hint: "Choose another address or port, such as :7443.",
    cause,
  });
}
