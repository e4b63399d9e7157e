import { expect, test } from "vitest";
import { latencyBoundsMs } from "../../../domain/traffic/latency.ts";
import { parseCounts, parseOpenSessions, parseProcesses, parseServers } from "./replies.ts";

const columns =
  "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port";

test("servers: running, failing their checks, and in maintenance", () => {
  const reply = [
    "",
    "1",
    columns,
    "3 http:shop 1 shop-1-1-1 127.0.0.2 2 0 100 100 26 15 3 4 6 0 0 0 - 9000 - 0 0 - - 0",
    "3 http:shop 2 shop-1-2-1 fd00::1 0 0 0 1 0 1 0 0 0 0 0 0 - 9001 - 0 0 - - 0",
    "3 http:shop 3 shop-1-3-1 127.0.0.2 0 1 7 1 0 1 0 0 0 0 0 0 - 9002 - 0 0 - - 0",
    "",
  ].join("\n");
  expect(parseServers(reply)).toEqual([
    server("shop-1-1-1", "127.0.0.2", 9000, 100, true, false),
    server("shop-1-2-1", "fd00::1", 9001, 0, false, false),
    server("shop-1-3-1", "127.0.0.2", 9002, 7, false, true),
  ]);
});

function server(
  name: string,
  address: string,
  port: number,
  weight: number,
  up: boolean,
  maintenance: boolean,
) {
  return { backend: "http:shop", name, address, port, weight, up, maintenance };
}

test("processes: the worker that serves and those that leave", () => {
  const reply = [
    "#<PID>          <type>          <reloads>       <uptime>        <version>      ",
    "10124           master          2 [failed: 1]   0d00h13m07s     2.6.12-1+deb12u4",
    "# workers",
    "10461           worker          0               0d00h00m00s     2.6.12-1+deb12u4",
    "# old workers",
    "10127           worker          1               0d00h00m47s     2.6.12-1+deb12u4",
    "# programs",
  ].join("\n");
  expect(parseProcesses(reply)).toEqual({
    master: 10124,
    worker: 10461,
    leaving: [10127],
    reloads: 2,
    failedReloads: 1,
  });
  expect(parseProcesses("")).toBeUndefined();
});

test("open sessions are those that are served and those that wait", () => {
  const csv = "# pxname,svname,qcur,qmax,scur,smax\nhttp:shop,shop-1-1-1,2,9,3,9\n";
  expect(parseOpenSessions(csv, "http:shop", "shop-1-1-1")).toBe(5);
  expect(parseOpenSessions(csv, "http:shop", "shop-1-2-1")).toBe(0);
  expect(parseOpenSessions("No such proxy.\n", "http:shop", "shop-1-1-1")).toBe(0);
});

test("counts come from the server's row and its line in the table", () => {
  const csv =
    "# pxname,svname,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,\nhttp:shop,shop-1-1-1,0,5,1,1,3,0,\nhttp:other,other-1-1-1,0,9,0,0,0,0,\n";
  const latency = [4, 6, ...latencyBoundsMs.slice(1).map(() => 0)];
  const table = (counts: readonly number[]) =>
    `# table: response-times, type: string\n0x5: key=shop-1-1-1 use=0 exp=0 ${counts.map((count, i) => `gpc${i}=${count}`).join(" ")}\n`;
  const counts = { id: "shop-1-1-1", requests: 10, errors: 3 };
  expect(parseCounts(csv, table(latency), "http:shop")).toEqual([{ ...counts, latency }]);
  expect(parseCounts(`${csv}http:shop_preview,shop-1-1-1,0,7,0,0,0,0,\n`, table(latency), undefined)).toEqual(
    [
      { ...counts, latency },
      { id: "other-1-1-1", requests: 9, errors: 0, latency: [] },
    ],
  );
  // In other classes than ours they say nothing.
  expect(parseCounts(csv, table([4, 6, 0]), "http:shop")).toEqual([{ ...counts, latency: [] }]);
});
