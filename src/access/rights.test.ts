import { expect, test } from "vitest";
import { changesAnswered } from "../api/contract/changes/testing.ts";
import { type ContractEntry, table } from "../api/contract/contract.ts";
import { type Grant, type Role, roles } from "../domain/access/access.ts";
import { sees } from "./guard.ts";
import { mayUse, type Owners } from "./rights.ts";

/** Everything belongs to shop.production. */
const owners: Owners = {
  server: async () => "shop.production",
  rollout: () => "shop.production",
  image: async () => ["shop"],
};
const asked = { service: "shop.production", server: "s", id: 1, digest: "d" };
const entries = Object.entries<ContractEntry>(table);

const viewing = [
  ...[
    "whoami",
    "can",
    "login",
    "exchangeIdentity",
    "rotateToken",
    "info",
    "audit",
    "policies",
    "diff",
    "candidates",
  ],
  ...[
    "services",
    "status",
    "history",
    "secrets",
    "volumes",
    "rollout",
    "traffic",
    "figures",
    "usage",
    "images",
    "image",
  ],
  ...["events", "drift", "jobs", "logs", "serviceLogs", "accessLog", "ladders", "sources", "source"],
  "calendar",
];
const steering = [
  ...["plan", "rollback", "scale", "abort", "pause", "resume", "promote"],
  ...["holdSource", "resumeSource", "keepRelease"],
];
const deploying = ["check", "deploy", "giveUp", "move", "promotion", "syncSource"];
const operating = [
  ...[
    "remove",
    "setSecret",
    "removeSecret",
    "snapshotVolume",
    "restoreVolume",
    "exportVolume",
    "importVolume",
  ],
  ...["removeVolume", "evidenceOf", "exportEvidence", "destroyServer", "runJob", "reproduce"],
];

/** What a role lets its holder ask for, of one service in one environment. The words of docs/remote-access.md. */
const within: { readonly [Name in Role]: readonly string[] } = {
  viewer: viewing,
  approver: [...viewing, "review", "approve"],
  deployer: [...viewing, ...steering, ...deploying],
  operator: [...viewing, ...steering, ...operating],
  admin: [
    ...[...viewing, ...steering, ...operating, ...deploying, "review", "approve"],
    ...["removeSource", "addSourceWebhook", "rotateSourceWebhook", "removeSourceWebhook"],
  ],
};

const looking = [
  "revocations",
  "channels",
  "channel",
  "targets",
  "target",
  "trust",
  "evidence",
  "overview",
  "testPolicy",
  "webhooks",
];
const keeping = [
  "revokeImage",
  "unrevokeImage",
  "setChannel",
  "removeChannel",
  "removeImage",
  "pinImage",
  "unpinImage",
  "collectImages",
  "freeze",
  "unfreeze",
];

/** What needs the role for every service in every environment. */
const everywhere: { readonly [Name in Role]: readonly string[] } = {
  ...{ viewer: looking, deployer: looking },
  approver: looking,
  operator: [...looking, ...keeping],
  admin: [
    ...[...looking, ...keeping, "access", "invite", "revokeAccess"],
    ...["trustPipelines", "distrustPipelines"],
    ...["trustKey", "revokeKey", "requireSigned", "liftPolicy", "setPolicy", "removePolicy"],
    ...["checkpoint", "acceptBreaks", "rotateAuditKey"],
    ...["removeWebhook", "rotateWebhook", "replayWebhook", "testWebhook"],
  ],
};

async function allowedTo(role: Role, services: string, environments: string): Promise<readonly string[]> {
  const grants = [{ role, services: [services], environments: [environments] }];
  const found = await Promise.all(
    entries.map(async ([name, entry]) =>
      (await mayUse(grants, entry, asked, owners)) === undefined ? [name] : [],
    ),
  );
  return found.flat().toSorted();
}

test.each(roles)("what a %s of one service in one environment may ask for", async (role) => {
  expect(await allowedTo(role, "shop", "production")).toEqual([...within[role]].toSorted());
});

test.each(roles)("what a %s of everything may ask for", async (role) => {
  expect(await allowedTo(role, "*", "*")).toEqual([...within[role], ...everywhere[role]].toSorted());
});

test.each(roles)("a %s of another service may ask for nothing of this one", async (role) => {
  const other = await allowedTo(role, "bank", "production");
  const inOther = await allowedTo(role, "shop", "staging");
  const ofItems = entries.filter(([, { needs }]) =>
    /^view (services|repositories)$|^self$|^public$/.test(needs),
  );
  const names = ofItems.map(([name]) => name).toSorted();
  expect(other).toEqual(names);
  expect(inOther).toEqual([...names, "image"].toSorted()); // an image is of a service in all its environments
});

test("these are not served over the network, not even to an admin", () => {
  const local = entries.filter(([, { needs }]) => needs === "local").map(([name]) => name);
  expect(local.toSorted()).toEqual([
    "addSource",
    "addTarget",
    "addWebhook",
    "allowPlace",
    "disallowPlace",
    "endExec",
    "exec",
    "listen",
    "removeTarget",
    "shutdown",
    "unlisten",
  ]);
});

test("someone who may view one environment does not learn what the others of its ladder have", async () => {
  const viewer = (environment: string): readonly Grant[] => [
    { role: "viewer", services: ["shop"], environments: [environment] },
  ];
  const rungs = await changesAnswered.ladders({}, {} as never);
  const seenBy = (environment: string) =>
    rungs.filter((rung) => sees(viewer(environment), table.ladders, rung)).map(({ service }) => service);
  expect([seenBy("staging"), seenBy("production")]).toEqual([[], ["shop.production"]]);
});
