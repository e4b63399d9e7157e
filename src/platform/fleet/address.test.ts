import { expect, test } from "vitest";
import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { aRelease } from "../../domain/testing.ts";
import { previewKey } from "../../router/preview-key.ts";
import { addressesOf } from "./address.ts";

const { health } = aRelease(1);
const tls = { certificate: "/c", key: "/k" };

function urls(...frontends: readonly TrafficSpec[]): readonly string[] {
  return addressesOf([{ service: "shop", frontends, upstreams: [], health }]).map(({ url }) => url);
}

test("an address is what a person types, without the ports that are understood", () => {
  const http = { mode: "http", host: undefined, listen: 8080 } as const;
  const tcp = { ...http, mode: "tcp" } as const;
  const shown = urls(http, { ...http, listen: 443, tls }, { ...http, host: "shop.example.com", listen: 80 });
  expect(shown).toEqual(["http://localhost:8080", "https://localhost", "http://shop.example.com"]);
  const several = { ...http, hosts: ["shop.example.com", "*.shop.example.com"], paths: ["/api"] };
  expect(urls(several)).toEqual(["http://shop.example.com:8080/api", "http://*.shop.example.com:8080/api"]);
  expect(urls(tcp, { ...tcp, tls })).toEqual(["localhost:8080 (tcp)", "localhost:8080 (tcp with TLS)"]);
});

test("the address of a preview is marked, and a closed service has none", () => {
  const frontend = { mode: "http", host: undefined, listen: 8081 } as const;
  const rest = { upstreams: [], health };
  expect(
    addressesOf([
      { service: "shop", frontends: [], ...rest },
      { service: previewKey("shop"), frontends: [frontend], ...rest },
    ]),
  ).toEqual([{ service: "shop", preview: true, url: "http://localhost:8081" }]);
});
