import type { SourceSpec } from "../../domain/source.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Remote } from "./remote.ts";

/** Why a repository was not reached, as the end of a sentence, and what to do about it. */
export interface Explained {
  readonly why: string;
  readonly hint: string;
}

/** What a source over ssh needs. Throws the code given. */
export function sshFiles(
  { credentials, knownHosts }: SourceSpec,
  code: "usage" | "source_invalid",
): { readonly key: string; readonly knownHosts: string } {
  if (credentials !== undefined && knownHosts !== undefined) return { key: credentials, knownHosts };
  throw new KilnError(code, "A repository over ssh needs a private key and the keys of its host.", {
    hint: "Add the source with `--credentials FILE` and `--known-hosts FILE`; `ssh-keyscan HOST` prints the keys of a host, which you compare with those that it publishes.",
  });
}

/** ssh(1) with no configuration but this. The host is known by its name, whatever its address. */
export function sshCommand(
  remote: Remote,
  [address = remote.host]: readonly string[],
  { key, knownHosts }: ReturnType<typeof sshFiles>,
): string {
  const options = [
    ...["BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", `IdentityFile=${key}`],
    ...["StrictHostKeyChecking=yes", `UserKnownHostsFile=${knownHosts}`, "GlobalKnownHostsFile=/dev/null"],
    ...["UpdateHostKeys=no", `HostName=${address}`, `HostKeyAlias=${knownAs(remote)}`, "ProxyCommand=none"],
    ...["ForwardAgent=no", "ClearAllForwardings=yes", "PermitLocalCommand=no", "ConnectTimeout=20"],
    ...["ServerAliveInterval=15", "PasswordAuthentication=no"],
  ];
  return ["ssh", "-F", "none", ...options.flatMap((option) => ["-o", `'${option}'`])].join(" ");
}

/** The host's name in a file of known hosts: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". */
function knownAs({ host, port = 22 }: Remote): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

/** Undefined: ssh(1) said nothing that is known. The words are from OpenSSH 9.2 to 10.0 (sshconnect.c, sshconnect2.c, sshkey.c). */
export function explainSsh(
  stderr: string,
  remote: Remote,
  { key, knownHosts }: ReturnType<typeof sshFiles>,
): Explained | undefined {
  const { host, port = 22 } = remote;
  const scan = `\`ssh-keyscan ${port === 22 ? "" : `-p ${port} `}${host}\``;
  const name = knownAs(remote);
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(stderr)) {
    const sent = /^(SHA256:[A-Za-z0-9+/]+)\.?$/m.exec(stderr)?.[1];
    return {
      why: `${name} has another key${sent === undefined ? "" : ` (${sent})`} than ${knownHosts} says, so it may be another machine`,
      hint: `Compare the key with those that the host publishes. Only if it is one of them, replace the line of ${name} in ${knownHosts} with what ${scan} prints.`,
    };
  }
  if (/REVOKED HOST KEY DETECTED/.test(stderr)) {
    return {
      why: `${knownHosts} has revoked the key of ${name}`,
      hint: `Find out why. If the host has another key now, ${scan} prints it; compare it with those that the host publishes.`,
    };
  }
  if (/host key is known for |^Host key verification failed/m.test(stderr)) {
    return {
      why: `${knownHosts} has no key of ${name}, so nothing tells that it is the right machine`,
      hint: `${scan} prints its keys. Compare them with those that the host publishes, and add them to ${knownHosts}.`,
    };
  }
  if (/^Load key /m.test(stderr)) {
    return {
      why: `${key} holds no private key that ssh can read`,
      hint: "Expected a private key without a passphrase; `ssh-keygen -t ed25519 -N '' -f FILE` makes one.",
    };
  }
  if (/^\S+: Permission denied \([a-z,-]+\)/m.test(stderr)) {
    return {
      why: `${name} does not accept the key in ${key}`,
      hint: `\`ssh-keygen -y -f ${key}\` prints its public part: give that read access at the forge. A key with a passphrase cannot be used.`,
    };
  }
  return undefined;
}
