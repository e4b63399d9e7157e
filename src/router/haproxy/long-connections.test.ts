import { expect, test } from "vitest";
import { isDue, isOverdue, longConnections, momentOf, passedOn } from "./long-connections.ts";

const line = (id: string, backend: string, server: string, requestPart: string, answerPart: string) =>
  `0x${id}: proto=tcpv4 src=127.0.0.1:60670 fe=listen:80 be=${backend} srv=${server} ts=00 epoch=0 age=1s calls=4 rate=0 cpu=0 lat=0 rq[f=8848202h,i=0,an=${requestPart},rx=1m39s,wx=,ax=] rp[f=88048202h,i=0,an=${answerPart},rx=1m39s,wx=,ax=] scf=[8,0h,fd=13] scb=[8,11h,fd=19] exp=1m39s rc=0 c_exp=`;

test("WebSockets and plain TCP are found, apart from requests and from other servers' sessions", () => {
  const reply = [
    line("a1", "http:shop", "shop-1-1-1", "00h", "00h"),
    line("a2", "http:shop", "shop-1-1-1", "8000h", "1400000h"),
    line("a3", "http:shop", "shop-1-1-1", "00h", "4000000h"),
    line("a4", "http:shop", "shop-1-2-1", "00h", "00h"),
    line("a5", "tcp:shop", "shop-1-1-1", "00h", "00h"),
    line("a6", "http:shop-1", "shop-1-1-1", "00h", "00h"),
    "0xa7: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s rq[f=c0c020h,i=0,an=00h,rx=] rp[f=8h,i=0,an=00h,rx=]",
    "",
  ].join("\n");
  expect(longConnections(reply, "shop", "shop-1-1-1")).toEqual(["0xa1", "0xa5"]);
});

test("moments are spread evenly, and each stays the same", () => {
  const moments = Array.from({ length: 1000 }, (_, i) =>
    momentOf(`0x${(0x5608bb000000 + i * 0x410).toString(16)}`),
  );
  for (const part of [0.25, 0.5, 0.75]) {
    expect(Math.abs(moments.filter((moment) => moment <= part).length / 1000 - part)).toBeLessThan(0.06);
  }
  expect(momentOf("0x1")).toBe(momentOf("0x1"));
});

test("every connection is due in time, and overdue at the end at the latest", () => {
  for (let i = 0; i < 100; i++) {
    const session = `0x${i}`;
    const steps = Array.from({ length: 101 }, (_, step) => step / 100);
    const [due, overdue] = [isDue, isOverdue].map((is) => steps.findIndex((at) => is(session, at)));
    expect(overdue).toBeGreaterThanOrEqual(20);
    expect(Math.abs((overdue ?? 0) - (due ?? 0) - 20)).toBeLessThanOrEqual(1);
  }
});

test("what has been passed on is read from both directions", () => {
  const reply = [
    "0x55efb4c5b420: [22/Nov/2026:08:59:35.472433] id=0 proto=tcpv4 source=127.0.0.1:59436",
    "  req=0x55efb4c5b440 (f=0x848202 an=0x0 pipe=0 tofwd=-1 total=15)",
    "      an_exp=<NEVER> rex=59m59s wex=<NEVER>",
    "  res=0x55efb4c5b4a0 (f=0x80048202 an=0x0 pipe=0 tofwd=-1 total=1200)",
    "",
  ].join("\n");
  expect(passedOn(reply)).toBe("15 1200");
  expect(passedOn("Session not found.\n")).toBeUndefined();
});
