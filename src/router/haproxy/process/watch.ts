import { connect, type Socket } from "node:net";

/** How often to look for an HAProxy that does not run yet. */
const absentMs = 1000;
/** After a connection has ended, so that a master that replaces itself is not asked in a circle. */
const pauseMs = 50;

/**
 * Calls back soon after HAProxy has ended, and also after each reload: a connection to its master socket, over which
 * nothing is said, ends with the master.
 */
export function watchMaster(masterSocket: string, ended: () => void): Disposable {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let over = false;

  function listen(): void {
    let connected = false;
    socket = connect(masterSocket, () => {
      connected = true;
    });
    socket.unref();
    socket.resume();
    socket.on("error", () => {}); // no one listens: the close event says so
    socket.once("close", () => {
      if (over) return;
      if (connected) ended();
      timer = setTimeout(listen, connected ? pauseMs : absentMs).unref();
    });
  }

  listen();
  return {
    [Symbol.dispose]: () => {
      over = true;
      clearTimeout(timer);
      socket?.destroy();
    },
  };
}
