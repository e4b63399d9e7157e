import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { canonicalJson } from "../lib/canonical-json.ts";
import { makePrivateFile } from "../lib/files/private-file.ts";
import { ChainCheck, type ChainCheckOptions, type ChainFinding } from "./chain-check.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { digestOfEntry, genesis, type LogEntry, type LogMark } from "./entry.ts";
import { KeyRing } from "./key-ring.ts";
import { newPrivateKey, readSigningKey, type SigningKey } from "./signing-key.ts";

const folder = mkdtempSync("/tmp/kiln-k-");
afterAll(() => rmSync(folder, { recursive: true }));
const [key, other] = ["a", "b"].map((name) => {
  makePrivateFile(join(folder, name), newPrivateKey());
  return readSigningKey(join(folder, name));
}) as [SigningKey, SigningKey];

type Content = Pick<LogEntry, "kind" | "message" | "service" | "data">;

function after(last: LogMark, content: Content): LogEntry {
  const row = { ...content, sequence: last.sequence + 1, at_ms: 7, previous: last.digest };
  return { ...row, digest: digestOfEntry(row) };
}

function announcing(data: object): Content {
  return { kind: "audit.key", message: "A key.", service: null, data: canonicalJson(data) };
}

function checkpointOf({ sequence, digest }: LogMark, by = key): Checkpoint {
  return by.signed({ atMs: 5, digest, keyId: by.id, sequence });
}

/** A log with its key first, and a checkpoint after every `every` contents. */
function logOf(contents: readonly Content[], every: number): LogEntry[] {
  const log = [after(genesis, announcing({ keyId: key.id, publicKey: key.publicKey }))];
  const add = (content: Content) => log.push(after(log.at(-1) ?? genesis, content));
  for (const [i, content] of contents.entries()) {
    add(content);
    const last = log.at(-1) ?? genesis;
    const data = canonicalJson(checkpointOf(last));
    if ((i + 1) % every === 0) add({ kind: "audit.checkpoint", message: "Signed.", service: null, data });
  }
  return log;
}

function findingIn(log: readonly LogEntry[], options: ChainCheckOptions = {}): ChainFinding | undefined {
  const check = new ChainCheck(options);
  for (const entry of log) {
    const [finding] = check.add(entry);
    if (finding) return finding;
  }
  return check.end();
}

const text = fc.string({ unit: "binary", maxLength: 12 });
const content: fc.Arbitrary<Content> = fc.record({
  kind: text,
  message: text,
  service: fc.option(text),
  data: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.boolean())).map((data) => canonicalJson(data)),
});
const log = fc
  .tuple(fc.array(content, { minLength: 3, maxLength: 12 }), fc.integer({ min: 2, max: 5 }))
  .map(([contents, every]) => logOf(contents, every));
/** A log, and the index of one of its entries. */
const place = log.chain((entries) => fc.tuple(fc.constant(entries), fc.nat(entries.length - 1)));

test("an unchanged log is whole", () => {
  fc.assert(fc.property(log, (entries) => void expect(findingIn(entries)).toBe(undefined)));
});

test("an entry with any altered character is reported", () => {
  const column = fc.constantFrom("at_ms", "service", "kind", "message", "data", "previous", "digest");
  fc.assert(
    fc.property(place, column, fc.nat(), fc.nat(0xffff), ([entries, i], name, at, unit) => {
      const entry = entries[i] as LogEntry & Record<string, unknown>;
      const value = String(entry[name] ?? "");
      const where = at % (value.length + 1);
      const changed = value.slice(0, where) + String.fromCharCode(unit) + value.slice(where + 1);
      fc.pre(changed !== value);
      const altered = { ...entry, [name]: name === "at_ms" ? entry.at_ms + 1 + at : changed };
      expect(findingIn(entries.with(i, altered))?.sequence).toBe(i + 1);
    }),
  );
});

test("an altered entry with a matching digest is detected by the next entry", () => {
  fc.assert(
    fc.property(place, content, ([entries, i], forged) => {
      fc.pre(i < entries.length - 1 && entries[i]?.kind.startsWith("audit.") === false);
      const entry = after(entries[i - 1] ?? genesis, forged);
      fc.pre(entry.digest !== entries[i]?.digest);
      expect(findingIn(entries.with(i, entry))?.sequence).toBe(i + 1);
    }),
  );
});

/** The ids of all findings. */
function idsIn(log: readonly LogEntry[]): ReadonlySet<string> {
  const check = new ChainCheck();
  const found: readonly (ChainFinding | undefined)[] = [
    ...log.flatMap((entry) => check.add(entry)),
    check.end(),
  ];
  return new Set(found.flatMap((finding) => finding?.id ?? []));
}

const plainly = fc.tuple(place, content, fc.nat()).filter(([[entries, i]]) => {
  return entries[i]?.kind.startsWith("audit.") === false;
});

test("entries after a break are still checked: a second break is found as well", () => {
  fc.assert(
    fc.property(plainly, ([[entries, i], { message }, at]) => {
      const j = i + 1 + (at % Math.max(1, entries.length - i - 1));
      const [one, two] = [entries[i], entries[j]];
      fc.pre(one !== undefined && two !== undefined && one.message !== message && two.message !== message);
      const once = entries.with(i, { ...one, message });
      const both = once.with(j, { ...two, message });
      expect([...idsIn(once)].filter((id) => !idsIn(both).has(id))).toEqual([]);
      expect(idsIn(both).size).toBeGreaterThan(idsIn(once).size);
    }),
  );
});

test("a place that is changed once more is another finding", () => {
  fc.assert(
    fc.property(plainly, text, ([[entries, i], forged], message) => {
      const one = entries[i];
      fc.pre(one !== undefined && i < entries.length - 1);
      const versions = [forged.message, message].map((words) => ({ ...one, message: words }));
      fc.pre(new Set([one.message, forged.message, message]).size === 3);
      // Altered as it stands, and with a digest that fits.
      for (const version of [versions, versions.map((row) => ({ ...row, digest: digestOfEntry(row) }))]) {
        const [first, second] = version.map((row) => idsIn(entries.with(i, row)));
        expect([...(first ?? [])].filter((id) => second?.has(id))).toEqual([]);
        expect(first?.size).toBeGreaterThan(0);
      }
    }),
  );
});

test("a dropped entry is reported, unless it was the last", () => {
  fc.assert(
    fc.property(place, ([entries, i]) => {
      fc.pre(i < entries.length - 1);
      expect(findingIn(entries.toSpliced(i, 1))?.sequence).toBe(i + 1);
    }),
  );
});

test("of swapped entries the first is reported", () => {
  fc.assert(
    fc.property(place, fc.nat(), ([entries, i], j) => {
      const [a, b] = [i, j % entries.length].sort((x, y) => x - y) as [number, number];
      const [one, two] = [entries[a], entries[b]];
      fc.pre(a !== b && one !== undefined && two !== undefined);
      // Their rows have changed places, and then their numbers too.
      expect(findingIn(entries.with(a, two).with(b, one))?.sequence).toBe(a + 1);
      const renumbered = entries.with(a, { ...two, sequence: a + 1 }).with(b, { ...one, sequence: b + 1 });
      expect(findingIn(renumbered)?.sequence).toBe(a + 1);
    }),
  );
});

test("a checkpoint of the missing part detects a log that was cut off", () => {
  fc.assert(
    fc.property(place, fc.nat(), ([entries, i], kept) => {
      const end = kept % (i + 1);
      const checkpoints = [checkpointOf(entries[i] ?? genesis)];
      expect(findingIn(entries, { checkpoints })).toBe(undefined);
      expect(findingIn(entries.slice(0, end), { checkpoints })?.sequence).toBe(end + 1);
    }),
  );
});

test("the next checkpoint, within the log or kept elsewhere, detects a rewritten log", () => {
  fc.assert(
    fc.property(place, ([entries, i]) => {
      fc.pre(entries[i]?.kind.startsWith("audit.") === false);
      const forged = entries.slice(0, i);
      for (const { kind, message, service, data } of entries.slice(i))
        forged.push(
          after(forged.at(-1) ?? genesis, {
            kind,
            message: message.concat(forged.length === i ? "!" : ""),
            service,
            data,
          }),
        );
      const checkpoints = [checkpointOf(entries.at(-1) ?? genesis)];
      const signedBefore = entries.slice(0, i).findLast((entry) => entry.kind === "audit.checkpoint");
      const first = signedBefore === undefined ? 1 : signedBefore.sequence;
      expect(findingIn(forged, { checkpoints })?.sequence).toBe(first);
      const isCovered = entries.slice(i).some((entry) => entry.kind === "audit.checkpoint");
      expect(findingIn(forged)?.sequence).toBe(isCovered ? first : undefined);
    }),
  );
});

const announced = { keyId: other.id, publicKey: other.publicKey };
const plain: Content = { kind: "x.y", message: "", service: null, data: "{}" };
const signedByOther = (last: LogMark): Content => ({
  ...{ kind: "audit.checkpoint", message: "", service: null },
  data: canonicalJson(checkpointOf(last, other)),
});
/** A log whose third entry brings another key, which signs the fourth. */
function rotated(data: object): readonly LogEntry[] {
  const entries = [...logOf([plain], 9)];
  const bring = after(entries.at(-1) ?? genesis, announcing(data));
  return [...entries, bring, after(bring, signedByOther(bring))];
}
const ring = (...trusted: readonly SigningKey[]) => ({ keys: new KeyRing(trusted.map(({ id }) => id)) });

test("a key is trusted when the previous key has signed it, or the user trusts it", () => {
  const vouched = rotated(key.signed({ ...announced, signedBy: key.id }));
  expect([findingIn(vouched), findingIn(vouched, ring(key))]).toEqual([undefined, undefined]);
  const lonely = rotated(announced);
  expect(findingIn(lonely)).toMatchObject({
    sequence: 3,
    message: expect.stringContaining("no trusted key has signed"),
  });
  expect(findingIn(lonely, ring(key, other))).toBe(undefined);
  const pretended = rotated(other.signed({ ...announced, signedBy: key.id }));
  expect(findingIn(pretended)?.sequence).toBe(3);
  expect(findingIn(rotated({ ...announced, publicKey: "no key" }))?.sequence).toBe(3);
});

test("a log with a foreign key does not match the key that the user trusts", () => {
  expect(findingIn(logOf([plain], 1), ring(other))?.sequence).toBe(1);
});

test("a checkpoint by a key that is not in the log does not count", () => {
  const entries = logOf([plain], 9);
  const last = entries.at(-1) ?? genesis;
  expect(findingIn([...entries, after(last, signedByOther(last))])?.sequence).toBe(3);
});

test("an acceptance counts with a valid signature, and is a break without one", () => {
  const entries = logOf([plain], 9);
  const last = entries.at(-1) ?? genesis;
  const accepting = (by: SigningKey, forged = {}) =>
    after(last, {
      ...{ kind: "audit.accepted", message: "", service: null },
      data: canonicalJson({
        ...by.signed({ breaks: [], by: "ada", keyId: by.id, reason: "x", upTo: 2 }),
        ...forged,
      }),
    });
  expect(findingIn([...entries, accepting(key)])).toBe(undefined);
  for (const entry of [accepting(other), accepting(key, { breaks: ["0"] })])
    expect(findingIn([...entries, entry])).toMatchObject({ sequence: 3, fault: "signature" });
});

test("another problem of the same entry does not hide a mismatch with a checkpoint", () => {
  const entries = logOf([plain, plain], 9);
  const forged = entries.with(2, { ...(entries[2] as LogEntry), digest: genesis.digest });
  const check = new ChainCheck({ checkpoints: [checkpointOf(entries[2] ?? genesis)] });
  const faults = forged.flatMap((entry) => check.add(entry)).map(({ fault }) => fault);
  expect(faults).toEqual(["altered", "rewritten"]);
});
