import { constants } from "node:os";

/**
 * The number of a stop signal as images name it: `TERM`, `SIGTERM`, `RTMIN+3` or a number (OCI image
 * configuration, `StopSignal`). SIGTERM when there is no such signal.
 */
export function signalNumber(name: string): number {
  const plain = name.toUpperCase().replace(/^SIG/, "");
  if (/^\d+$/.test(plain)) return inRange(Number(plain));
  const realTime = /^RTM(IN|AX)(?:([+-])(\d+))?$/.exec(plain);
  if (realTime) {
    // glibc keeps 32 and 33 for itself: signal(7), "Real-time signals".
    const base = realTime[1] === "IN" ? 34 : 64;
    return inRange(base + Number(`${realTime[2] ?? "+"}${realTime[3] ?? 0}`));
  }
  const known: Readonly<Record<string, number>> = constants.signals;
  return known[`SIG${plain}`] ?? constants.signals.SIGTERM;
}

function inRange(signal: number): number {
  return signal >= 1 && signal <= 64 ? signal : constants.signals.SIGTERM;
}
