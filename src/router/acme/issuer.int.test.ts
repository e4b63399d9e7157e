import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { connect, type PeerCertificate } from "node:tls";
import { expect, test } from "vitest";
import type { ServiceWarning } from "../../domain/observation.ts";
import type { AcmeSpec, TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { freePort } from "../../lib/testing.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { health, httpBackend } from "../haproxy/config/fixtures.ts";
import { installation, missingHaproxy } from "../haproxy/process/installation.ts";
import type { RoutedService, Router } from "../router.ts";
import { missingOpenssl } from "../test-certificates.ts";
import { issuedFile } from "./issuer.ts";
import { missingPebble, testAuthority } from "./test-authority.ts";

const missing = (await missingHaproxy()) ?? (await missingOpenssl()) ?? (await missingPebble());
if (missing) console.log(`Skipped: certificates by ACME, because ${missing}.`);
const withAuthority = test.skipIf(missing);
const options = { signal: AbortSignal.timeout(600_000) };
const limitMs = 120_000;

withAuthority(
  "a certificate is ordered, reaches clients without a reload, and outlives the router",
  async () => {
    const [plain, secure] = [await freePort(), await freePort()];
    await using it = await installation();
    await using authority = await testAuthority(plain);
    await using shop = await httpBackend("shop-1-1-1");
    const hosts = ["shop.example", "www.shop.example"];
    const service = routed(frontend(secure, plain, hosts, authority.acme), [shop.upstream]);

    await it.router.apply(service, options);
    expect((await shown(secure, "shop.example")).subject.CN).toBe("Kiln waits for a certificate");
    const challenge = (path: string, host = "shop.example") =>
      get(plain, host, `/.well-known/acme-challenge/${path}`);
    expect(await challenge("some_token-1")).toEqual([
      200,
      expect.stringMatching(/^some_token-1\.[A-Za-z0-9_-]{43}$/),
    ]);
    expect((await challenge("t", "other.example"))[0]).toBe(404);
    for (const path of ["", "a/b", "a%0ab"]) expect((await challenge(path))[0]).toBe(308);

    const first = await renew(it.router);
    expect(first).toMatchObject([{ service: "shop", message: expect.stringContaining("is being ordered") }]);
    await until(async () => (await renew(it.router)).length === 0);
    await until(async () => {
      await renew(it.router);
      return byAuthority(await shown(secure, "shop.example"));
    });
    const issued = await shown(secure, "www.shop.example");
    expect(issued.subjectaltname?.split(", ").sort()).toEqual(hosts.map((host) => `DNS:${host}`));
    const file = issuedFile(it.state.acme, "shop");
    const content = await readFile(file, "utf8");

    await it.router.stop(options);
    await it.router.apply(service, options);
    expect((await shown(secure, "shop.example")).fingerprint256).toBe(issued.fingerprint256);
    expect(await renew(it.router)).toEqual([]);
    expect(await readFile(file, "utf8")).toBe(content);
  },
  2 * limitMs,
);

withAuthority(
  "another host name makes another certificate; until it is there, the present one serves",
  async () => {
    const [plain, secure] = [await freePort(), await freePort()];
    await using it = await installation();
    await using authority = await testAuthority(plain);
    await it.router.apply(routed(frontend(secure, plain, ["shop.example"], authority.acme)), options);
    const issuedFor = (host: string) =>
      until(async () => {
        await renew(it.router);
        const now = await shown(secure, "shop.example");
        return byAuthority(now) && (now.subjectaltname?.includes(`DNS:${host}`) ?? false);
      });
    await issuedFor("shop.example");
    const before = await shown(secure, "shop.example");
    const wider = frontend(secure, plain, ["shop.example", "store.example"], authority.acme);
    await it.router.apply(routed(wider), options);
    expect((await shown(secure, "shop.example")).fingerprint256).toBe(before.fingerprint256);
    await issuedFor("store.example");
  },
  2 * limitMs,
);

withAuthority(
  "a service may have a hundred host names, and be called as the account is",
  async () => {
    const [plain, secure] = [await freePort(), await freePort()];
    await using it = await installation();
    const hosts = Array.from({ length: 100 }, (_, i) => `host-${i}.example`);
    const shop = routed(frontend(secure, plain, hosts, { directory: "https://localhost:9/dir" }));
    const proxies = { trustedProxies: hosts.map((_, i) => `10.0.0.${i}`), acceptProxy: true };
    const frontends = shop.frontends.map((each) => ({ ...each, ...proxies }));
    await it.router.apply({ ...shop, service: "account", frontends }, options);
    expect((await shown(secure, "host-99.example")).subject.CN).toBe("Kiln waits for a certificate");
    expect((await get(plain, "host-99.example", "/.well-known/acme-challenge/t"))[0]).toBe(200);
  },
  limitMs,
);

withAuthority(
  "an authority that does not answer is named, with the next attempt, and the port stays open",
  async () => {
    const [plain, secure, silent] = [await freePort(), await freePort(), await freePort()];
    await using it = await installation();
    const directory = `https://localhost:${silent}/dir`;
    const acme = { directory };
    await it.router.apply(routed(frontend(secure, plain, ["shop.example"], acme)), options);
    const words = async () => (await renew(it.router))[0];
    await until(async () => (await words())?.message.includes("did not issue") ?? false);
    expect(await words()).toMatchObject({
      service: "shop",
      message: expect.stringContaining("clients see one that they do not trust"),
      hint: expect.stringMatching(/again in 1 min.* port 80/),
    });
    expect((await shown(secure, "shop.example")).subject.CN).toBe("Kiln waits for a certificate");
    const lost = {
      ...frontend(secure, plain, ["shop.example"], { directory, authority: "/nowhere/ca.pem" }),
    };
    await expect(it.router.check("shop", [lost], options)).rejects.toMatchObject({
      code: "certificate_invalid",
      message: expect.stringContaining("/nowhere/ca.pem"),
    });
  },
  limitMs,
);

function frontend(listen: number, http: number, hosts: readonly string[], acme: AcmeSpec): TrafficSpec {
  return { mode: "http", listen, host: undefined, hosts, redirect: { http }, tls: { acme } };
}

function routed(frontend: TrafficSpec, upstreams: RoutedService["upstreams"] = []): RoutedService {
  return { service: "shop", frontends: [frontend], upstreams, health };
}

async function renew(router: Router): Promise<readonly ServiceWarning[]> {
  return (await router.renew?.(await router.observe(options), options)) ?? [];
}

async function shown(port: number, servername: string): Promise<PeerCertificate> {
  const socket = connect({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const certificate = socket.getPeerCertificate();
  socket.destroy();
  return certificate;
}

function byAuthority({ issuer }: PeerCertificate): boolean {
  return /Pebble/.test(String(issuer.CN));
}

async function get(port: number, host: string, path: string): Promise<[number | undefined, string]> {
  const asked = request({ port, host: "127.0.0.1", path, headers: { host }, agent: false }).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return [answer.statusCode, await text(answer)];
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error("it took too long");
    await systemClock.sleep(100);
  }
}
