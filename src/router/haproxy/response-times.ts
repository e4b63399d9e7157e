import { latencyBoundsMs } from "../../domain/traffic/latency.ts";

/** Response times are counted by server, in the classes of `latencyBoundsMs` and one for what is slower. */
export const responseTimesTable = "response-times";

/** The table of the counts. HAProxy 2.6 has at most 100 counters in an entry. */
export const responseTimes: readonly string[] = [
  `backend ${responseTimesTable} from http`,
  `stick-table type string len 128 size 20k expire 24h store gpc(${latencyBoundsMs.length + 1})`,
];

/**
 * What the backends share whose answers are counted: rules of a `defaults` are there once, however many backends follow it.
 * The first class that fits ends the counting, so it costs least where answers are fast.
 */
export const countedDefaults: readonly string[] = [
  "defaults counted from http",
  "http-request set-var(txn.began) date(0,ms)",
  "http-response set-var(txn.took) date(0,ms),sub(txn.began)",
  `http-response track-sc0 srv_name table ${responseTimesTable}`,
  ...latencyBoundsMs.flatMap((most, i) => {
    const fits = `if { var(txn.took) -m int le ${most} }`;
    return [`http-response sc-inc-gpc(${i},0) ${fits}`, `http-response allow ${fits}`];
  }),
  `http-response sc-inc-gpc(${latencyBoundsMs.length},0)`,
];
