import { lookup } from "node:dns";
import { isIP } from "node:net";
import { KilnError } from "../../lib/errors.ts";
import { isLoopback } from "../../lib/loopback.ts";
import { isLinkLocal } from "../../lib/net/addresses.ts";
import { guarded } from "../../lib/net/outbound.ts";

/** A repository elsewhere, as its URL names it. */
export interface Remote {
  readonly url: string;
  readonly protocol: "https" | "http" | "git" | "ssh";
  /** Without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

const expected =
  "Expected https://HOST/PATH or ssh://USER@HOST/PATH without a password; http:// and git:// on this machine alone. `--credentials FILE` names a file with a token or a private key.";

/**
 * Throws `usage` for what is never fetched: other protocols, among them files and commands, passwords in the URL, and addresses where clouds have
 * their secrets. What a name leads to is looked at with each request.
 */
export function parseRemote(text: string): Remote {
  const [, user, near, path] = /^([a-z_][a-z0-9_-]*)@([A-Za-z0-9.-]+):(?!\/\/)([^:]+)$/.exec(text) ?? [];
  const url = path === undefined ? text : `ssh://${user}@${near}/${path.replace(/^\//, "")}`;
  const remote = remoteOf(url);
  if (remote !== undefined) return remote;
  throw new KilnError("usage", "The URL is not one of a repository that Kiln fetches.", { hint: expected });
}

/** Every form that git(1), curl(1) and ssh(1) could understand in another way is left out. */
const form =
  /^(https|http|git|ssh):\/\/(?:([a-z_][a-z0-9_-]*)@)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?(?:\/[A-Za-z0-9._~+-]+)+\/?$/;

function remoteOf(url: string): Remote | undefined {
  const [, scheme, user, host = "", digits] = form.exec(url) ?? [];
  const protocol = scheme as Remote["protocol"] | undefined;
  if (protocol === undefined || isLinkLocal(host) || url.length > 1_000) return undefined;
  // What a policy names must be what is fetched: curl(1) resolves these.
  if (/\/\.{1,2}(\/|$)/.test(url)) return undefined;
  if (user !== undefined && protocol !== "ssh") return undefined;
  if ((protocol === "http" || protocol === "git") && !isLoopback(host)) return undefined;
  const port = digits === undefined ? undefined : Number(digits);
  return { url, protocol, host: host.replace(/^\[|\]$/g, ""), port };
}

/** `example.com/acme/shop`, for people. */
export function repositoryName({ url }: Pick<Remote, "url">): string {
  return url
    .replace(/^[a-z]+:\/\/(?:[^/@]*@)?/, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
}

/** What the host's name leads to now. Throws `source_unreachable`, also for a link-local address. */
export async function addressesOf({ host }: Remote): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const resolve = guarded(true, lookup);
  return new Promise((done, reject) =>
    resolve(host, { all: true }, (error, found) => {
      if (error === null && Array.isArray(found)) done(found.map(({ address }) => address));
      else
        reject(
          new KilnError(
            "source_unreachable",
            `${host} cannot be looked up: ${error?.message ?? "no address"}.`,
            {
              hint: "Check the name and the network of the controller's machine.",
              retry: true,
            },
          ),
        );
    }),
  );
}
