import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { javaStore } from "./certificates.ts";

test("Java's store has the header, each certificate, and the digest over all of it", () => {
  const store = javaStore([{ alias: "debian:a.pem", der: Buffer.from([1, 2, 3]) }]);
  const body = store.subarray(0, -20);
  expect(body.toString("hex")).toBe(
    `feedfeed0000000200000001${"00000002"}000c${Buffer.from("debian:a.pem").toString("hex")}${"00".repeat(8)}0005${Buffer.from("X.509").toString("hex")}00000003010203`,
  );
  const password = Buffer.from([..."changeit"].flatMap((letter) => [0, letter.charCodeAt(0)]));
  const digest = createHash("sha1").update(Buffer.concat([password, Buffer.from("Mighty Aphrodite"), body]));
  expect(store.subarray(-20)).toEqual(digest.digest());
});
