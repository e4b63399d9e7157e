import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createClient } from "../api/client/client.ts";
import { type RemoteEndpoint, wayTo } from "../api/client/endpoint.ts";
import { anEvent } from "../api/contract/events/testing.ts";
import type { Operations } from "../api/contract/types.ts";
import { createApi } from "../api/routes/routes.ts";
import { fakeOperations } from "../api/testing.ts";
import type { Grant } from "../domain/access/access.ts";
import { parseLoginText } from "../domain/access/login-text.ts";
import { silentLog } from "../lib/log.ts";
import { exec } from "../lib/process/exec.ts";
import { memoryFolder } from "../lib/testing.ts";
import { aStore } from "../store/testing.ts";
import { createAccess } from "./access.ts";

const local = { actor: { via: "socket", name: "root", uid: 0 } } as const;
const patient = { timeout: 90_000 };
const everywhere = { services: ["*"], environments: ["*"] };
const viewer: Grant = { role: "viewer", ...everywhere };
const admin: Grant = { role: "admin", ...everywhere };
const deployer: Grant = { role: "deployer", services: ["shop"], environments: ["staging"] };

/** A real API over TLS on a free port of this machine, in front of operations that answer with full values. */
async function aRemote(overrides: Partial<Operations> = {}) {
  const folder = memoryFolder("kiln-remote-");
  const opened = aStore();
  const { store, clock } = opened;
  clock.set(Date.now()); // the client looks at the certificate with its own clock
  const fake = fakeOperations(overrides);
  const access = createAccess({
    ...{ store, clock, log: silentLog, folder, operations: fake.operations },
    look: (service) => [service],
    createApi: async (parts) => createApi({ ...fake.operations, ...access.operations }, silentLog, parts),
  });
  const { operations } = access;
  const { address } = await operations.listen({ address: "127.0.0.1:0", names: [] }, local);
  const authority = readFileSync(join(folder, "authority.crt"), "utf8");
  const endpoint = (token?: string): RemoteEndpoint => ({ address, authority, token });
  const invited = async (grant: Grant) => {
    const { login } = await operations.invite({ name: "ada", grants: [grant] }, local);
    return parseLoginText(login)?.invite ?? "";
  };
  const enter = async (grant: Grant) => {
    const made = await createClient(endpoint()).login({ invite: await invited(grant) });
    return { ...made, endpoint: endpoint(made.token), client: createClient(endpoint(made.token)) };
  };
  return {
    ...{ store, clock, folder, address, operations, endpoint, invited, enter, calls: fake.calls },
    [Symbol.asyncDispose]: async () => {
      await access.close();
      opened[Symbol.dispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A request whose body is still to come. */
function begun(endpoint: RemoteEndpoint, path: string, headers: Readonly<Record<string, string>> = {}) {
  const { request, options, headers: proof } = wayTo(endpoint);
  const type = { "content-type": "application/json" };
  const call = request({
    ...{ ...options, method: "POST", path, agent: false },
    headers: { ...type, ...proof, ...headers },
  });
  call.on("error", () => {});
  const answer = once(call, "response").then(([got]: IncomingMessage[]) => got?.statusCode);
  call.flushHeaders();
  return { call, answer };
}

describe("an invite", () => {
  test("becomes a token once, which may what its grant says and no more", async () => {
    await using remote = await aRemote();
    const invite = await remote.invited(deployer);
    const stranger = createClient(remote.endpoint());
    const { token } = await stranger.login({ invite });
    await expect(stranger.login({ invite })).rejects.toMatchObject({ code: "unauthenticated" });
    const client = createClient(remote.endpoint(token));
    expect(await client.whoami({})).toMatchObject({ name: "ada", grants: [deployer] });
    await client.abort({ service: "shop.staging" });
    await expect(client.abort({ service: "shop.production" })).rejects.toMatchObject({ code: "forbidden" });
    await expect(client.invite({ name: "eve", grants: [admin] })).rejects.toMatchObject({
      code: "forbidden",
    });
    const aborts = remote.calls.filter(([name]) => name === "abort");
    const actor = expect.objectContaining({ via: "token", name: "ada" });
    expect(aborts).toEqual([["abort", { service: "shop.staging" }, { actor }]]);
  });

  test("is good for an hour", async () => {
    await using remote = await aRemote();
    const invite = await remote.invited(viewer);
    remote.clock.set(remote.clock.now() + 3_600_000);
    await expect(createClient(remote.endpoint()).login({ invite })).rejects.toMatchObject({
      code: "unauthenticated",
    });
  });
});

describe("without a token there is nothing", () => {
  test("neither routes nor what is not a route, and little to read", async () => {
    await using remote = await aRemote();
    const stranger = remote.endpoint();
    const large = { "content-length": "1000000" };
    expect(await begun(stranger, "/v1/services/shop/abort", large).answer).toBe(401);
    expect(await begun(stranger, "/v1/nothing", large).answer).toBe(401);
    expect(await begun(stranger, "/v1/access/login", large).answer).toBe(413);
    expect(remote.calls).toEqual([]);
  });
});

test("openssl finds TLS 1.3 and nothing older, with a certificate of the controller's own authority for its address", async () => {
  await using remote = await aRemote();
  const look = async (...more: readonly string[]) => {
    const argv = ["openssl", "s_client", "-connect", remote.address, "-verify_return_error"] as const;
    const { stdout, stderr } = await exec([...argv, ...more], { input: "" });
    return stdout + stderr;
  };
  const trusting = ["-CAfile", join(remote.folder, "authority.crt"), "-verify_ip"];
  expect(await look("-tls1_3", ...trusting, "127.0.0.1")).toContain("New, TLSv1.3");
  await expect(look("-tls1_3", ...trusting, "198.51.100.7")).rejects.toThrow(/IP address mismatch/);
  await expect(look("-tls1_3")).rejects.toThrow(/self-signed certificate in certificate chain/);
  for (const old of ["-tls1_2", "-tls1_1", "-tls1"]) {
    // At its usual level, openssl itself refuses to ask for the oldest.
    await expect(look(old, "-cipher", "DEFAULT@SECLEVEL=0", ...trusting, "127.0.0.1"), old).rejects.toThrow(
      /alert protocol version/,
    );
  }
});

test("a client does not wait forever for a controller that went without a word", async () => {
  await using remote = await aRemote({
    status: async () => new Promise(() => {}),
    events: async function* (_asked, { signal } = {}) {
      if (signal !== undefined && !signal.aborted) await once(signal, "abort");
      yield* [];
    },
  });
  const { endpoint } = await remote.enter(viewer);
  const client = createClient(endpoint, { silenceMs: 100 });
  await expect(client.status({ service: "shop" })).rejects.toMatchObject({ code: "controller_unreachable" });
  const stream = client.events({ follow: true })[Symbol.asyncIterator]();
  await expect(stream.next()).rejects.toMatchObject({ code: "controller_unreachable" });
});

test("what stays on the machine is not a route, also for an administrator", async () => {
  await using remote = await aRemote();
  const { client } = await remote.enter(admin);
  await expect(client.shutdown({})).rejects.toMatchObject({ code: "route_unknown" });
  await expect(client.unlisten({})).rejects.toMatchObject({ code: "route_unknown" });
});

describe("revoking a token", () => {
  test("ends its streams", async () => {
    await using remote = await aRemote({
      events: async function* (_asked, { signal } = {}) {
        yield anEvent(1);
        if (signal !== undefined && !signal.aborted) await once(signal, "abort");
      },
    });
    const { client, id } = await remote.enter(viewer);
    const stream = client.events({ follow: true })[Symbol.asyncIterator]();
    expect((await stream.next()).value).toMatchObject({ sequence: 1 });
    await remote.operations.revokeAccess({ who: id, reason: "lost" }, local);
    await expect(stream.next()).rejects.toMatchObject({ code: "controller_unreachable" });
    await expect(client.whoami({})).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("refuses a request of which only the headers had come by then", async () => {
    await using remote = await aRemote();
    const { endpoint, id } = await remote.enter(admin);
    const { call, answer } = begun(endpoint, "/v1/services/shop/abort");
    await expect.poll(() => remote.store.access.token(id)?.lastUse, patient).toBeDefined();
    await remote.operations.revokeAccess({ who: "ada", reason: "lost" }, local);
    call.end("{}");
    expect(await answer).toBe(401);
    expect(remote.calls.filter(([name]) => name === "abort")).toEqual([]);
  });
});

test("a token is replaced once: a copy of the old one is not worth another", async () => {
  await using remote = await aRemote();
  const { client, id } = await remote.enter(viewer);
  const newer = await client.rotateToken({});
  await expect(client.rotateToken({})).rejects.toMatchObject({
    code: "forbidden",
    message: `The token ${id} was replaced by ${newer.id} already, and ends soon.`,
  });
  expect(await createClient(remote.endpoint(newer.token)).rotateToken({})).toMatchObject({ name: "ada" });
});

test("a deployer needs a grant of its own to begin a rollout against policies", async () => {
  await using remote = await aRemote();
  const asked = { service: "shop.staging", breakGlass: true, reason: "incident 12" };
  const { client } = await remote.enter(deployer);
  await expect(client.promotion(asked)).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringContaining("Break-glass needs a grant of its own for shop.staging"),
  });
  await client.promotion({ ...asked, breakGlass: false });
  const strong = await remote.enter({ ...deployer, breakGlass: true });
  await strong.client.promotion(asked);
  expect(remote.calls.filter(([name]) => name === "promotion")).toHaveLength(2);
});

test("an approver of some services approves plans of those, and says of which", async () => {
  await using remote = await aRemote();
  const { client } = await remote.enter({ ...deployer, role: "approver" });
  const plan = `sha256:${"a".repeat(64)}`;
  await expect(client.approve({ plan })).rejects.toMatchObject({ code: "forbidden" });
  await expect(client.approve({ plan, service: "blog.staging" })).rejects.toMatchObject({
    code: "forbidden",
  });
  await client.approve({ plan, service: "shop.staging" });
  expect(remote.calls.filter(([name]) => name === "approve")).toHaveLength(1);
});

test("whether something is allowed can be asked for what names a server, a rollout or an image", async () => {
  await using remote = await aRemote();
  const { client } = await remote.enter(deployer);
  for (const operation of ["logs", "rollout", "image"]) {
    expect(await client.can({ operation, service: "shop.staging" })).toMatchObject({ allowed: true });
    expect(await client.can({ operation, service: "blog.staging" })).toMatchObject({ allowed: false });
    expect(await client.can({ operation })).toMatchObject({ allowed: false });
  }
});

test("an address that cannot be opened leaves the one before open", async () => {
  await using remote = await aRemote();
  const { client } = await remote.enter(viewer);
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const taken = remote.operations.listen({ address: `127.0.0.1:${port}`, names: [] }, local);
  await expect(taken)
    .rejects.toMatchObject({ code: "listen_failed" })
    .finally(() => other.close());
  expect(await client.whoami({})).toMatchObject({ name: "ada" });
});

test("of two addresses at the same time the later one is open, and nothing after the end", async () => {
  await using remote = await aRemote();
  const { operations, endpoint } = remote;
  const [first, second] = await Promise.all([
    operations.listen({ address: "127.0.0.1:0", names: [] }, local),
    operations.listen({ address: "127.0.0.1:0", names: [] }, local),
  ]);
  const reach = (address: string) =>
    createClient({ ...endpoint(), address })
      .info({})
      .catch(({ code }) => code);
  expect(await reach(first.address)).toBe("controller_unreachable");
  expect(await reach(second.address)).toBe("unauthenticated");
  await operations.unlisten({}, local);
  expect(await reach(second.address)).toBe("controller_unreachable");
});
