import { request } from "node:http";
import { expect, test } from "vitest";
import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { freePort } from "../../lib/testing.ts";
import { type Backend, health, httpBackend, httpFrontend } from "./config/fixtures.ts";
import { installation, missingHaproxy } from "./process/installation.ts";

const missing = await missingHaproxy();
if (missing) console.log(`skipped: ${missing}`);
const withHaproxy = test.skipIf(missing);
const options = { signal: AbortSignal.timeout(600_000) };

const frontend = (listen: number, more: Partial<TrafficSpec>): TrafficSpec => ({
  ...httpFrontend(listen),
  ...more,
});
const routed = (service: string, backend: Backend, ...frontends: readonly TrafficSpec[]) => {
  return { service, frontends, health, upstreams: [backend.upstream] };
};

withHaproxy(
  "a request goes to the service with the most specific host name, then the longest path",
  async () => {
    await using it = await installation();
    await using shop = await httpBackend("shop");
    await using api = await httpBackend("api");
    await using tenants = await httpBackend("tenants");
    await using files = await httpBackend("files");
    const port = await freePort();
    const hosts = ["shop.example", "www.shop.example"];
    await it.router.apply(routed("shop", shop, frontend(port, { hosts })), options);
    await it.router.apply(
      routed("api", api, frontend(port, { host: "shop.example", paths: ["/api", "/api/v2/x"] })),
      options,
    );
    await it.router.apply(routed("tenants", tenants, frontend(port, { hosts: ["*.shop.example"] })), options);
    await it.router.apply(routed("files", files, frontend(port, { paths: ["/files", "/api/v2"] })), options);

    const cases: readonly (readonly [host: string, path: string, expected: string])[] = [
      ["shop.example", "/", "shop"],
      ["www.shop.example", "/a?b=/api", "shop"],
      ["SHOP.example.:8080", "/", "shop"],
      ["shop.example", "/api", "api"],
      ["shop.example", "/api?x", "api"],
      ["shop.example", "/api/v2", "api"],
      ["shop.example", "/apix", "shop"],
      ["shop.example", "/API", "shop"],
      ["www.shop.example", "/api", "shop"],
      ["a.shop.example", "/files", "tenants"],
      ["A.Shop.Example", "/", "tenants"],
      ["a.b.shop.example", "/", "404"],
      ["other.example", "/files/x", "files"],
      ["other.example", "/api/v2", "files"],
      ["other.example", "/", "404"],
      ["shop.example/api", "/", "shop"],
      [".shop.example", "/", "404"],
      ["", "/files", "files"],
      ["[::1]:80", "/files", "files"],
    ];
    for (const [host, path, expected] of cases) {
      const { status, body } = await ask(port, host, path);
      const got = status === 200 ? (JSON.parse(body) as { id: string }).id : String(status);
      expect([host, path, got]).toEqual([host, path, expected]);
    }
    expect(await ask(port, "other.example", "/")).toEqual({
      status: 404,
      type: "text/plain",
      body: "No service has this host name and path here.\n",
    });
  },
);

withHaproxy(
  "a service gets its requests without the path that leads to it, if it wants them so",
  async () => {
    await using it = await installation();
    await using api = await httpBackend("api");
    const port = await freePort();
    const frontends = [frontend(port, { paths: ["/api", "/api/v2", "/a.b", "/plain+"], stripPrefix: true })];
    await it.router.apply(routed("api", api, ...frontends), options);
    for (const [path, seen, prefix] of [
      ["/api", "/", "/api"],
      ["/api/", "/", "/api"],
      ["/api/x/y?q=/api", "/x/y?q=/api", "/api"],
      ["/api/v2/x", "/x", "/api/v2"],
      ["/a.b/api/x", "/api/x", "/a.b"],
      ["/plain+/x", "/x", "/plain+"],
    ] as const) {
      const answer = JSON.parse((await ask(port, "x", path)).body) as {
        url: string;
        headers: Record<string, string>;
      };
      expect([path, answer.url, answer.headers["x-forwarded-prefix"]]).toEqual([path, seen, prefix]);
    }
    expect((await ask(port, "x", "/aXb")).status).toBe(404);
  },
);

withHaproxy("another service cannot have the same host name and path, and both are named", async () => {
  await using it = await installation();
  await using shop = await httpBackend("shop");
  const port = await freePort();
  const taken = frontend(port, { hosts: ["a.example", "b.example"], paths: ["/api"] });
  await it.router.apply(routed("shop", shop, taken), options);
  const refused = { code: "traffic_conflict" };
  const asked = [frontend(port, { host: "b.example", paths: ["/x", "/api"] })];
  await expect(it.router.check("blog", asked, options)).rejects.toMatchObject({
    ...refused,
    message: `The service blog can't have b.example/api on port ${port}: the service shop has it already.`,
  });
  await it.router.check("blog", [frontend(port, { host: "b.example" }), frontend(port, {})], options);
  await it.router.check("shop", asked, options);
});

function ask(port: number, host: string, path: string) {
  return new Promise<{ status: number; type: string | undefined; body: string }>((resolve, reject) => {
    const outgoing = request({ port, path, agent: false, headers: { host } }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers["content-type"], body }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}
