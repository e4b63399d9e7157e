import { expect, test } from "vitest";
import { parseChallenges } from "./challenge.ts";

test("several challenges share a header, and quoted values may contain commas", () => {
  const header =
    'Bearer realm="https://auth.example/token?a=1,2",service="reg", scope="repository:x:pull,push", Basic realm=plain';
  const [bearer, basic] = parseChallenges(header).map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ]);
  expect(bearer).toEqual([
    "bearer",
    { realm: "https://auth.example/token?a=1,2", service: "reg", scope: "repository:x:pull,push" },
  ]);
  expect(basic).toEqual(["basic", { realm: "plain" }]);
});

test("quotes are escaped, names have no case, and nonsense is left out", () => {
  const [one] = parseChallenges(String.raw`BEARER Realm="a\"b\\c" , SERVICE=x`);
  expect(one?.scheme).toBe("bearer");
  expect(Object.fromEntries(one?.parameters ?? [])).toEqual({ realm: String.raw`a"b\c`, service: "x" });
  expect(parseChallenges("")).toEqual([]);
  expect(parseChallenges('="",,,"')).toEqual([]);
});
