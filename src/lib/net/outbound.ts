import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { getCACertificates } from "node:tls";
import { isLinkLocal, isPublic } from "./addresses.ts";

/** Authorities that may certify a server: the ones that Node.js knows, and the machine, where operators add their own. */
export function trustedAuthorities(): string[] {
  return [...getCACertificates("default"), ...getCACertificates("system")];
}

/**
 * Looks names up for a request whose URL someone else has chosen. Never a link-local address, and, unless `isPrivate`, only public ones. All
 * addresses of the name must be allowed: which of them is used is not known.
 */
export function guarded(isPrivate: boolean, resolve: typeof lookup = lookup): LookupFunction {
  return (hostname, options, callback) =>
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, []);
      const bad = addresses.find(({ address }) => isLinkLocal(address) || !(isPrivate || isPublic(address)));
      if (bad !== undefined)
        return callback(new Error(`${hostname} leads to ${bad.address}, which is not public`), []);
      const [first] = addresses;
      if (options.all || first === undefined) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
}
