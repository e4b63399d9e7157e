import { expect, test } from "vitest";
import { isSamePerson, personOf, type SourceActor } from "./actor.ts";

const commit: SourceActor = {
  ...{ via: "source", name: "example.com/shop@1a2b3c4d5e", repository: "example.com/shop" },
  ...{ ref: "refs/heads/main", commit: "1a2b3c4d5e", author: "Ada <ada@example.com>" },
};

test("a commit is its signer's, whatever it says of its author", () => {
  const person = (name: string) =>
    personOf({ via: "token", kind: "user", name, token: "t", address: "192.0.2.1" });
  expect(isSamePerson(personOf(commit), person("Ada"))).toBe(true);
  const signed = personOf({ ...commit, signer: "eve@example.com" });
  expect(isSamePerson(signed, person("eve@example.com"))).toBe(true);
  expect(isSamePerson(signed, person("Ada"))).toBe(false);
});
