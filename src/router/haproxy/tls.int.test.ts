import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import {
  type ConnectionOptions,
  connect as connectTls,
  type PeerCertificate,
  type TLSSocket,
} from "node:tls";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ServiceWarning } from "../../domain/observation.ts";
import type { TlsFiles, TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { silentLog } from "../../lib/log.ts";
import { freePort } from "../../lib/testing.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { systemClock } from "../../lib/time/clock.ts";
import type { RoutedService, Router } from "../router.ts";
import { type IssueOptions, issue, missingOpenssl, noSecret } from "../test-certificates.ts";
import {
  health,
  httpBackend,
  httpFrontend,
  tcpBackend,
  tcpFrontend,
  tlsFrontend,
} from "./config/fixtures.ts";
import { haproxyRouter } from "./haproxy-router.ts";
import { installation, killMaster, missingHaproxy, workerOf } from "./process/installation.ts";

const missing = (await missingHaproxy()) ?? (await missingOpenssl());
if (missing) console.log(`skipped: ${missing}`);
const withHaproxy = test.skipIf(missing);
const options = { signal: AbortSignal.timeout(600_000) };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp("/tmp/kiln-");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let issued = 0;
const pair = (asked: IssueOptions = {}) => issue(folder, `pair-${++issued}`, asked);

withHaproxy(
  "requests come in by HTTP/1.1 and HTTP/2, and servers learn that they were encrypted",
  async () => {
    await using it = await installation();
    await using a = await httpBackend("shop-1-1-1");
    const port = await freePort();
    await it.router.apply(
      service("shop", [tlsFrontend(httpFrontend(port), await pair())], [a.upstream]),
      options,
    );
    const over1 = await ask(port, "shop.example.com");
    expect(over1).toMatchObject({ status: 200, server: a.id });
    expect(over1.body).toContain('"x-forwarded-proto":"https"');
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    const stream = session.request({ ":path": "/", ":authority": "shop.example.com" });
    const [headers] = await once(stream, "response");
    expect([session.alpnProtocol, headers[":status"]]).toEqual(["h2", 200]);
    expect(await text(stream)).toContain(a.id);
    session.destroy();
  },
);

withHaproxy("TLS 1.1 is refused, 1.2 has forward secrecy", async () => {
  await using it = await installation();
  const port = await freePort();
  await it.router.apply(service("shop", [tlsFrontend(httpFrontend(port), await pair())], []), options);
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL@SECLEVEL=0" } as const;
  await expect(handshake(port, undefined, old)).rejects.toThrow();
  const second = await handshake(port, undefined, { maxVersion: "TLSv1.2" });
  expect(second.cipher).toMatch(/^ECDHE-.*-(GCM-SHA\d+|POLY1305)$/);
  await expect(
    handshake(port, undefined, { maxVersion: "TLSv1.2", ciphers: "AES128-SHA" }),
  ).rejects.toThrow();
});

withHaproxy(
  "services share a port, each with its own certificate by SNI; others see the service without a host",
  async () => {
    await using it = await installation();
    const port = await freePort();
    const names = ["shop.example.com", "blog.example.com"];
    const [shop, blog, rest] = [
      await pair({ hosts: names }),
      await pair({ hosts: [names[1] ?? ""] }),
      await pair({ hosts: names }),
    ];
    await it.router.apply(service("shop", [tlsFrontend(httpFrontend(port, names[0]), shop)], []), options);
    await it.router.apply(service("blog", [tlsFrontend(httpFrontend(port, names[1]), blog)], []), options);
    const shown = async (host?: string) => (await handshake(port, host)).subject;
    expect(await Promise.all(names.map(shown))).toEqual([nameOf(shop), nameOf(blog)]);
    await it.router.apply(service("rest", [tlsFrontend(httpFrontend(port), rest)], []), options);
    expect(await Promise.all([...names.map(shown), shown("x.example.com"), shown()])).toEqual(
      [shop, blog, rest, rest].map(nameOf),
    );
    expect(await it.another().observe(options)).toHaveLength(3);
    await it.router.remove("blog", options);
    expect(await shown(names[1])).toBe(nameOf(rest));
    expect((await readdir(join(it.state.router, "tls"))).filter((f) => f.endsWith(".pem"))).toHaveLength(2);
  },
);

withHaproxy("plain TCP inside TLS", async () => {
  await using it = await installation();
  await using a = await tcpBackend("db-1-1-1");
  const port = await freePort();
  const frontend = tlsFrontend(tcpFrontend(port), await pair());
  await it.router.apply(
    { ...service("db", [frontend], [a.upstream]), health: { ...health, check: { kind: "tcp" } } },
    options,
  );
  const socket = connectTls({ port, rejectUnauthorized: false });
  socket.write("hello");
  expect(String((await once(socket, "data"))[0])).toBe("db-1-1-1:hello");
  expect(socket.alpnProtocol).toBe(false);
  socket.destroy();
});

withHaproxy("a port has TLS or has not", async () => {
  await using it = await installation();
  const port = await freePort();
  const tls = await pair();
  const other = service("other", [httpFrontend(port, "other.example.com")], []);
  await it.router.apply(
    service("shop", [tlsFrontend(httpFrontend(port, "shop.example.com"), tls)], []),
    options,
  );
  await expect(it.router.apply(other, options)).rejects.toMatchObject({
    code: "traffic_conflict",
    message: `The service other can't open port ${port} without TLS: the service shop has it with TLS.`,
  });
  await it.router.apply(service("shop", [httpFrontend(port, "shop.example.com")], []), options);
  await it.router.apply(other, options);
  expect(await readdir(join(it.state.router, "tls"))).toEqual([]);
});

withHaproxy("what can't be used is refused before anything changes", async () => {
  await using it = await installation();
  const port = await freePort();
  const tls = await pair({ hosts: ["other.example.com"] });
  const asked = service("shop", [tlsFrontend(httpFrontend(port, "shop.example.com"), tls)], []);
  const refused = {
    code: "certificate_invalid",
    message: expect.stringContaining("does not cover shop.example.com"),
  };
  await expect(it.router.check("shop", asked.frontends, options)).rejects.toMatchObject(refused);
  await expect(it.router.apply(asked, options)).rejects.toMatchObject(refused);
  expect(await it.router.observe(options)).toEqual([]);
});

withHaproxy(
  "keys are for the router's owner alone, and neither the log nor HAProxy's environment has them",
  async () => {
    await using it = await installation();
    const tls = await pair();
    await it.router.apply(service("shop", [tlsFrontend(httpFrontend(await freePort()), tls)], []), options);
    const stored = join(it.state.router, "tls");
    const modes = [stored, ...(await readdir(stored)).map((file) => join(stored, file))].map(async (path) =>
      ((await stat(path)).mode & 0o777).toString(8),
    );
    expect(await Promise.all(modes)).toEqual(["700", "600", "600"]);
    const secret = (await readFile(tls.key, "utf8")).split("\n")[1] ?? "";
    for (const file of ["haproxy.cfg", "haproxy.log"]) {
      expect(await readFile(join(it.state.router, file), "utf8")).not.toContain(secret);
    }
  },
);

withHaproxy("a renewed certificate is taken over under load, without a reload", async () => {
  await using it = await installation();
  await using a = await httpBackend("shop-1-1-1");
  const port = await freePort();
  const tls = await pair();
  await it.router.apply(service("shop", [tlsFrontend(httpFrontend(port), tls)], [a.upstream]), options);
  const config = await readFile(join(it.state.router, "haproxy.cfg"), "utf8");
  const [first, worker] = [await handshake(port), await workerOf(it.state.router)];
  const lost: string[] = [];
  let served = 0;
  const stop = new AbortController();
  const load = (async () => {
    while (!stop.signal.aborted) {
      const answer = await ask(port, "shop.example.com").catch((error: Error) => ({ status: error.message }));
      if (answer.status === 200) served++;
      else lost.push(String(answer.status));
    }
  })();
  const serials = new Set([first.serial]);
  for (let round = 0; round < 3; round++) {
    await issueAgain(tls);
    await vi.waitUntil(async () => {
      expect(await renew(it.router)).toEqual([]);
      return !serials.has((await handshake(port)).serial);
    }, 60_000);
    serials.add((await handshake(port)).serial);
  }
  stop.abort();
  await load;
  console.log(`  3 renewals: ${served} served, ${lost.length} lost`);
  expect(lost).toEqual([]);
  expect(served).toBeGreaterThan(50);
  expect(await workerOf(it.state.router)).toBe(worker);
  expect(await readFile(join(it.state.router, "haproxy.cfg"), "utf8")).toBe(config);
  const newest = (await handshake(port)).serial;
  await reloadBy(it.another());
  expect((await handshake(port)).serial).toBe(newest);
});

withHaproxy("a certificate that is a secret is served, and its newest version without a reload", async () => {
  await using it = await installation();
  await using a = await httpBackend("shop-1-1-1");
  const port = await freePort();
  const written = async () => {
    const { certificate, key } = await pair({ hosts: ["shop.example.com"] });
    return (await readFile(certificate, "utf8")) + (await readFile(key, "utf8"));
  };
  const frontend: TrafficSpec = { ...httpFrontend(port, "shop.example.com"), tls: { secret: "SHOP_TLS" } };
  await expect(it.router.check("shop.dev", [frontend], options)).rejects.toMatchObject({
    code: "certificate_invalid",
    message: "The certificate of shop.dev can't be read: shop.dev lacks the secret SHOP_TLS.",
  });
  it.secrets.set("shop.dev SHOP_TLS", "nonsense");
  await expect(it.router.check("shop.dev", [frontend], options)).rejects.toMatchObject({
    message: "The key of the secret SHOP_TLS is not in PEM form.",
  });
  it.secrets.set("shop.dev SHOP_TLS", await written());
  await it.router.check("shop.dev", [frontend], options);
  await it.router.apply(service("shop.dev", [frontend], [a.upstream]), options);
  // The preview has the certificate of its service.
  const preview = { ...frontend, listen: await freePort(), host: undefined };
  await it.router.apply(service("shop.dev_preview", [preview], [a.upstream]), options);
  const [first, worker] = [await handshake(port), await workerOf(it.state.router)];
  expect((await handshake(preview.listen)).serial).toBe(first.serial);
  it.secrets.set("shop.dev SHOP_TLS", await written());
  await vi.waitUntil(async () => {
    expect(await renew(it.router)).toEqual([]);
    return (await handshake(port)).serial !== first.serial;
  }, 60_000);
  expect(await workerOf(it.state.router)).toBe(worker);
  const second = await handshake(port);
  it.secrets.delete("shop.dev SHOP_TLS");
  await vi.waitUntil(async () => (await renew(it.router)).length > 0, 60_000);
  expect((await renew(it.router))[0]?.message).toContain("shop.dev lacks the secret SHOP_TLS");
  expect((await handshake(port)).serial).toBe(second.serial);
});

withHaproxy(
  "a renewal that can't be used is reported, and the old certificate stays until a good one is there",
  async () => {
    await using it = await installation();
    const port = await freePort();
    const tls = await pair();
    await it.router.apply(
      service("shop", [tlsFrontend(httpFrontend(port, "shop.example.com"), tls)], []),
      options,
    );
    const { serial } = await handshake(port);
    const before = await readFile(tls.certificate, "utf8");
    const foreign = await readFile((await pair()).key, "utf8");
    const faults: readonly (readonly [string, () => Promise<void>])[] = [
      ["is damaged", () => writeFile(tls.certificate, before.slice(0, 300))],
      ["does not belong to", () => writeFile(tls.key, foreign)],
      ["does not exist", () => rm(tls.key)],
      ["does not cover shop.example.com", () => issueAgain(tls, { hosts: ["other.example.com"] })],
    ];
    for (const [words, damage] of faults) {
      await issueAgain(tls);
      await damage();
      const warning = {
        service: "shop",
        message: expect.stringContaining(words),
        hint: expect.stringMatching(/continues with/),
      };
      await vi.waitFor(async () => expect(await renew(it.router)).toMatchObject([warning]), 60_000);
      await reloadBy(it.another());
      expect((await handshake(port)).serial).toBe(serial);
    }
    await issueAgain(tls);
    await vi.waitUntil(async () => {
      await renew(it.router);
      return (await handshake(port)).serial !== serial;
    }, 60_000);
    expect(await renew(it.router)).toEqual([]);
  },
);

withHaproxy(
  "what was renewed while HAProxy was down is there when it starts; what is broken keeps no other service away",
  async () => {
    await using it = await installation();
    const [port, second] = [await freePort(), await freePort()];
    const [tls, lost] = [await pair(), await pair()];
    const shop = service("shop", [tlsFrontend(httpFrontend(port), tls)], []);
    await it.router.apply(service("lost", [tlsFrontend(httpFrontend(second), lost)], []), options);
    await it.router.apply(shop, options);
    const { serial } = await handshake(port);
    await killMaster(it.state.router);
    await rm(join(it.state.router, "tls"), { recursive: true });
    await issueAgain(tls);
    await rm(lost.key);
    await it.another().apply(shop, options);
    expect((await handshake(port)).serial).not.toBe(serial);
    expect((await it.router.observe(options)).map((s) => s.service)).toEqual(["shop"]);
  },
);

withHaproxy("a chain that is too long for the socket comes by a reload", async () => {
  await using it = await installation();
  const port = await freePort();
  const tls = await pair();
  await it.router.apply(service("shop", [tlsFrontend(httpFrontend(port), tls)], []), options);
  const worker = await workerOf(it.state.router);
  await issueAgain(tls);
  const text = await readFile(tls.certificate, "utf8");
  await writeFile(tls.certificate, text.repeat(40));
  const router = it.another();
  await vi.waitUntil(async () => {
    await renew(router);
    return (await workerOf(it.state.router)) !== worker;
  }, 120_000);
  expect((await handshake(port)).raw.toString("base64")).toBe(text.replaceAll(/-----.*-----|\n/g, ""));
});

withHaproxy(
  "a certificate that expires is reported before and after; a serving one never blocks a deploy",
  async () => {
    await using it = await installation();
    const port = await freePort();
    const tls = await pair({ days: 90 });
    const shop = service("shop", [tlsFrontend(httpFrontend(port), tls)], []);
    await it.router.apply(shop, options);
    const warnings = async (days: number) => {
      const router = haproxyRouter({
        state: it.state,
        clock: inDays(days),
        log: silentLog,
        secret: noSecret,
      });
      await router.check("shop", shop.frontends, options);
      await renew(router);
      await systemClock.sleep(1100); // it looks at files once they have been still for a second
      return (await renew(router)).map(({ message, hint }) =>
        `${message} ${hint}`.replace(tls.certificate, "X"),
      );
    };
    expect(await warnings(82)).toEqual([]);
    expect(await warnings(84)).toEqual([
      "The certificate X expires in 5 days and is not renewed yet. Renew it; the router takes over the new one by itself.",
    ]);
    expect(await warnings(91)).toEqual([expect.stringMatching(/^The certificate X expired on .* Renew it/)]);
    const late = haproxyRouter({ state: it.state, clock: inDays(91), log: silentLog, secret: noSecret });
    const elsewhere = [tlsFrontend(httpFrontend(await freePort()), tls)];
    await expect(late.check("shop", elsewhere, options)).rejects.toMatchObject({
      code: "certificate_invalid",
    });
  },
);

function inDays(days: number): Clock {
  return { ...systemClock, now: () => Date.now() + days * 24 * 3_600_000 };
}

function service(
  name: string,
  frontends: readonly TrafficSpec[],
  upstreams: RoutedService["upstreams"],
): RoutedService {
  return { service: name, frontends, upstreams, health };
}

function nameOf({ certificate }: TlsFiles): string {
  return certificate.slice(folder.length + 1, -".crt".length);
}

/** As a tool that renews does it: another certificate and another key under the same names. */
async function issueAgain(tls: TlsFiles, asked: IssueOptions = {}): Promise<void> {
  await issue(folder, nameOf(tls), asked);
}

interface Shown {
  readonly subject: string;
  readonly serial: string;
  readonly cipher: string;
  readonly raw: Buffer;
}

function handshake(port: number, servername?: string, more: ConnectionOptions = {}): Promise<Shown> {
  return new Promise((resolve, reject) => {
    const name = servername === undefined ? {} : { servername };
    const socket: TLSSocket = connectTls(
      { port, host: "127.0.0.1", rejectUnauthorized: false, ...name, ...more },
      () => {
        const { subject, serialNumber, raw }: PeerCertificate = socket.getPeerCertificate();
        resolve({ subject: String(subject.CN), serial: serialNumber, cipher: socket.getCipher().name, raw });
        socket.end();
      },
    );
    socket.once("error", reject);
  });
}

function ask(
  port: number,
  host: string,
): Promise<{ status: number | undefined; body: string; server: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { port, headers: { host }, rejectUnauthorized: false, agent: false },
      async (answer) => {
        const body = await text(answer);
        resolve({ status: answer.statusCode, body, server: /"id":"([^"]+)"/.exec(body)?.[1] ?? "" });
      },
    );
    asked.once("error", reject);
    asked.end();
  });
}

/** As the fleet does it every few seconds. */
async function renew(router: Router): Promise<readonly ServiceWarning[]> {
  return (await router.renew?.(await router.observe(options), options)) ?? [];
}

/** Another service comes and goes: HAProxy reads its files again. */
async function reloadBy(router: Router): Promise<void> {
  await router.apply(service("passing", [httpFrontend(await freePort())], []), options);
  await router.remove("passing", options);
}
