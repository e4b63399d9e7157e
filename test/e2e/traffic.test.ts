import { readFile } from "node:fs/promises";
import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { text } from "node:stream/consumers";
import { connect, type PeerCertificate } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../src/lib/testing.ts";
import { issue } from "../../src/router/test-certificates.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: traffic by host name and path, because ${why}.`);

interface Asked {
  readonly host: string;
  readonly path?: string;
  readonly secure?: boolean;
  readonly body?: string;
}

describe.skipIf(why !== undefined)("services share a port by host name and path", () => {
  let kiln: Installation;
  let shop: LittleService;
  let api: LittleService;
  let port: number;

  beforeAll(async () => {
    kiln = await install();
    port = await freePort();
    const hosts = ', hosts: [shop.example, "*.shop.example"]';
    shop = await littleService(kiln, "shop", { port, traffic: hosts });
    const path = ", paths: [/api], stripPrefix: true, limits: { body: 1kB }";
    api = await littleService(kiln, "api", { port, host: "shop.example", traffic: path });
    await api.setPage("the api");
    await shop.setPage("the shop");
    for (const { folder } of [shop, api]) await kiln.ok(["deploy"], { cwd: folder });
  });
  afterAll(() => kiln?.[Symbol.asyncDispose]());

  test("each request goes to the most specific service, and one that no service wants gets 404", async () => {
    expect(await ask(port, { host: "shop.example" })).toMatchObject({ status: 200, body: "the shop" });
    expect(await ask(port, { host: "A.shop.example.", path: "/index.html" })).toMatchObject({
      status: 200,
      body: "the shop",
    });
    expect(await ask(port, { host: "shop.example", path: "/api" })).toMatchObject({
      status: 200,
      body: "the api",
    });
    expect(await ask(port, { host: "shop.example", path: "/api/index.html" })).toMatchObject({
      status: 200,
      body: "the api",
    });
    expect(await ask(port, { host: "a.shop.example", path: "/api" })).toMatchObject({ status: 404 });
    expect(await ask(port, { host: "other.example" })).toMatchObject({
      status: 404,
      body: "No service has this host name and path here.\n",
    });
    expect((await kiln.ok(["status"])).stdout).toContain(`http://shop.example:${port}/api`);
  });

  test("what a service limits is refused before its servers see it", async () => {
    const body = "x".repeat(1001);
    expect(await ask(port, { host: "shop.example", path: "/api", body })).toMatchObject({
      status: 413,
      body: "The body is larger than 1000 bytes.\n",
    });
  });

  test("a plan and a deploy name both services that want the same requests", async () => {
    const thief = await littleService(kiln, "thief", {
      port,
      host: "shop.example",
      traffic: ", paths: [/x, /api]",
    });
    for (const command of ["plan", "deploy"]) {
      const refused = await kiln.run([command], { cwd: thief.folder });
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain(
        `The service thief can't have shop.example/api on port ${port}: the service api has it already.`,
      );
    }
  });

  test("a deploy that moves a service to another path serves both on the way, and loses nothing", async () => {
    let done = false;
    const lost: unknown[] = [];
    let served = 0;
    const clients = ["/", "/api"].map(async (path) => {
      while (!done) {
        const { status, body } = await ask(port, { host: "shop.example", path }).catch((error: Error) => {
          return { status: 0, body: error.message };
        });
        if (status === 200) served += 1;
        // Once the old release has no traffic its path is the shop's, which has no such page.
        else if (path === "/" || status !== 404) lost.push([path, status, body]);
      }
    });
    await api.configure({ traffic: ", paths: [/v2], stripPrefix: true" });
    const plan = await kiln.ok(["plan"], { cwd: api.folder });
    expect(plan.stdout).toContain("for shop.example/api (path stripped)");
    expect(plan.stdout).toContain("for shop.example/v2 (path stripped)");
    await kiln.ok(["deploy"], { cwd: api.folder });
    await waitUntil(
      async () => (await ask(port, { host: "shop.example", path: "/v2" })).body === "the api",
      10_000,
      "the new path leads to the service",
    );
    done = true;
    await Promise.all(clients);
    expect(lost).toEqual([]);
    expect(served).toBeGreaterThan(20);
  });

  test("https with a certificate from a secret: redirected to, and renewed without a deploy", async () => {
    const [https, http] = [await freePort(), await freePort()];
    const traffic = `, tls: { secret: PAY_TLS }, redirect: { http: ${http}, hosts: [www.pay.example] }`;
    const pay = await littleService(kiln, "pay", { port: https, host: "pay.example", traffic });
    const early = await kiln.run(["deploy"], { cwd: pay.folder });
    expect(early.stderr).toContain("pay lacks the secret PAY_TLS");
    const renew = async (name: string, hosts = ["pay.example", "www.pay.example"]) => {
      const { certificate, key } = await issue(pay.folder, name, { hosts });
      const both = (await readFile(certificate, "utf8")) + (await readFile(key, "utf8"));
      await kiln.ok(["secret", "set", "PAY_TLS", "pay"], { cwd: pay.folder, input: both });
    };
    await renew("narrow", ["pay.example"]);
    const narrow = await kiln.run(["deploy"], { cwd: pay.folder });
    expect(narrow.stderr).toContain(
      "The certificate of the secret PAY_TLS does not cover www.pay.example; it covers pay.example.",
    );
    await renew("first");
    await kiln.ok(["deploy"], { cwd: pay.folder });
    expect(await ask(https, { host: "pay.example", secure: true })).toMatchObject({
      status: 200,
      body: "one",
    });
    const location = async (listen: number, host: string, secure = false) =>
      (await ask(listen, { host, path: "/a?b=c", secure })).location;
    expect(await location(http, "pay.example")).toBe(`https://pay.example:${https}/a?b=c`);
    expect(await location(http, "www.pay.example")).toBe(`https://pay.example:${https}/a?b=c`);
    expect(await location(https, "www.pay.example", true)).toBe(`https://pay.example:${https}/a?b=c`);
    const first = await serial(https);
    await renew("second");
    await waitUntil(
      async () => (await serial(https)) !== first,
      30_000,
      "the router has the new certificate",
    );
    const removed = await kiln.run(["secret", "rm", "PAY_TLS", "pay"]);
    expect(removed.stderr).toContain("used by release 1 (its certificate)");
  });
});

interface Answered {
  readonly status: number;
  readonly body: string;
  readonly location: string | undefined;
}

function ask(port: number, { host, path = "/", secure = false, body }: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const rest = { port, path, method, headers: { host }, agent: false } as const;
    const asked = secure
      ? secureRequest({ host: "127.0.0.1", servername: host, rejectUnauthorized: false, ...rest })
      : plainRequest({ host: "127.0.0.1", ...rest });
    asked.on("response", (answer) => {
      const { statusCode: status = 0, headers } = answer;
      text(answer).then((words) => resolve({ status, body: words, location: headers.location }), reject);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

function serial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", servername: "pay.example", rejectUnauthorized: false };
    const socket = connect(options, () => {
      const { serialNumber }: PeerCertificate = socket.getPeerCertificate();
      socket.destroy();
      resolve(serialNumber);
    });
    socket.on("error", reject);
  });
}
