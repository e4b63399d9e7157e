import { expect, test } from "vitest";
import { waitingSockets } from "./sockets.ts";

const head =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const socket = (local: string, state: string, inode: number) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0 0 10 0\n`;

test("sockets that listen or take packets are found; sockets that talk, and sockets without a holder, are not", () => {
  const tcp = head + socket("0100007F:1F90", "0A", 11) + socket("0100007F:1F90", "01", 12);
  expect(waitingSockets("tcp", tcp)).toEqual([{ inode: "11", what: "tcp port 8080" }]);
  const udp = head + socket("00000000:0035", "07", 13) + socket("00000000:0036", "07", 0);
  expect(waitingSockets("udp", udp)).toEqual([{ inode: "13", what: "udp port 53" }]);
  const unix = [
    "Num       RefCount Protocol Flags    Type St Inode Path",
    "0000000008cc5fc8: 00000003 00000000 00000000 0001 03 14",
    "0000000000b95ff6: 00000002 00000000 00010000 0001 01 15 @name",
    "",
  ];
  expect(waitingSockets("unix", unix.join("\n"))).toEqual([{ inode: "15", what: "unix @name" }]);
  const packet =
    "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n0000000000b95ff6 3 3 0003 2 1 0 0 16\n";
  expect(waitingSockets("packet", packet)).toEqual([{ inode: "16", what: "packets of a link" }]);
});
