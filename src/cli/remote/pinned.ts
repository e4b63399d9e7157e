import { createHash, X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate } from "node:tls";
import { controllerName, hostAndPort } from "../../domain/access/login-text.ts";
import { KilnError } from "../../lib/errors.ts";

const limitMs = 15_000;

/**
 * The certificate of the authority with this pin, in PEM, from the chain that the controller shows. Nothing is sent on this connection but what TLS
 * needs; on later ones this authority is the only one that counts. Throws `controller_untrusted` when it is another one, and
 * `controller_unreachable`.
 */
export async function fetchAuthority(address: string, pin: string): Promise<string> {
  const chain = await shownChain(address);
  for (const certificate of chain) {
    if (pinOf(certificate) === pin) return certificate.toString();
  }
  const shown = chain.at(-1);
  throw new KilnError(
    "controller_untrusted",
    `What answers at ${address} is another controller, or something between: its pin is ${shown === undefined ? "missing" : pinOf(shown)}; expected ${pin}.`,
    {
      hint: "Nothing was sent to it. On the controller's machine, `kiln access ls` shows the pin: compare both.",
    },
  );
}

async function shownChain(address: string): Promise<readonly X509Certificate[]> {
  const { connect } = await import("node:tls");
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...hostAndPort(address),
      ...{ servername: controllerName, minVersion: "TLSv1.3" },
      // only what is shown is looked at: the pin decides, and the next connection checks the whole chain
      rejectUnauthorized: false,
    });
    socket.setTimeout(limitMs, () => socket.destroy(new Error(`nothing came for ${limitMs / 1000} s`)));
    socket.once("secureConnect", () => {
      resolve(certificatesOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
    socket.once("error", (error) => reject(unreachable(address, error)));
  });
}

/** A certificate that signs itself is its own issuer. */
function certificatesOf(first: DetailedPeerCertificate): readonly X509Certificate[] {
  const found: X509Certificate[] = [];
  for (
    let one: DetailedPeerCertificate | undefined = first;
    one?.raw !== undefined;
    one = one.issuerCertificate
  ) {
    if (found.some(({ raw }) => raw.equals(one?.raw ?? Buffer.alloc(0)))) break;
    found.push(new X509Certificate(one.raw));
  }
  return found;
}

/** RFC 7469, section 2.4. */
function pinOf(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64url");
}

function unreachable(address: string, cause: Error): KilnError {
  return new KilnError(
    "controller_unreachable",
    `No controller answers at ${address} with TLS 1.3: ${cause.message}.`,
    {
      hint: "Check the address and the network. On the controller's machine, `kiln access ls` shows where it listens.",
      cause,
      retry: true,
    },
  );
}
