import type { ClientRequest, IncomingMessage } from "node:http";

/**
 * The answer to a request that was made, as soon as it begins. Rejects with the error of the connection, and for an answer that changes to
 * another protocol: Node.js drops such a connection without any event but `upgrade`, so that anyone who waits for another event waits forever.
 */
export function begunAnswer(call: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    call.once("response", resolve);
    call.on("error", reject);
    call.once("upgrade", (_answer, socket) => {
      socket.destroy();
      reject(new Error("it changes to another protocol, which was not asked for"));
    });
  });
}
