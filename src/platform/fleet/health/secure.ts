import { isIP, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { CheckTls } from "../../../domain/spec/health-check.ts";

/** Speaks TLS on a connection to a server. */
export type Secure = (socket: Socket) => TLSSocket;

/**
 * How TLS is spoken to servers. Without authorities any certificate will do: Kiln made the server and its network, so a
 * check asks whether it answers, not who it is. With authorities, the certificate must also be for the host, where one is asked for.
 */
export async function secureFor(
  { ca }: CheckTls,
  host: string | undefined,
  protocols?: readonly string[],
): Promise<Secure> {
  // Few services need it, and it takes memory.
  const { connect } = await import("node:tls");
  const isNamed = host !== undefined && isIP(host) === 0;
  const trust =
    ca === undefined
      ? { rejectUnauthorized: false }
      : { ca, ...(isNamed ? {} : { checkServerIdentity: () => undefined }) };
  return (socket) =>
    connect({
      socket,
      ...trust,
      ...(isNamed ? { servername: host } : {}),
      ...(protocols === undefined ? {} : { ALPNProtocols: [...protocols] }),
    });
}
