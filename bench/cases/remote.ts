import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { newCredential } from "../../src/access/credential.ts";
import { RemoteGuard } from "../../src/access/guard.ts";
import { IdentityExchange } from "../../src/access/oidc/exchange.ts";
import { anIssuer, githubClaims, signed } from "../../src/access/oidc/testing.ts";
import { createOwners } from "../../src/access/owners.ts";
import { Revocations } from "../../src/access/revocations.ts";
import { createClient } from "../../src/api/client/client.ts";
import { secureOptions } from "../../src/api/client/endpoint.ts";
import { fakeOperations } from "../../src/api/testing.ts";
import { fetchAuthority } from "../../src/cli/remote/pinned.ts";
import { parseLoginText } from "../../src/domain/access/login-text.ts";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { systemClock } from "../../src/lib/time/clock.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { aDatabasePath } from "../../src/store/testing.ts";
import { install } from "../../test/e2e/harness.ts";
import type { Case } from "../case.ts";
import { type Figure, figure } from "../figure.ts";
import { usageOf } from "../process-stats.ts";
import { repeat, timed } from "../stats.ts";

const local = { actor: { via: "socket", name: "root", uid: 0 } } as const;
const grants = [{ role: "deployer" as const, services: ["*"], environments: ["*"] }];
/** A token may send 3,000 requests a minute, and an address may log in 30 times. */
const tokens = 25;
const connections = 8;
const requestsOfRound = 5_000;
const checksOfRound = 2_000;

export const remoteCase: Case = {
  name: "remote",
  about: "requests over the network, checks of tokens, and exchanges of pipelines' identities",
  async run(workshop) {
    workshop.say("sending requests to a controller ...");
    return [...(await requests()), tokenChecks(), ...(await exchanges())];
  },
};

/** Over TLS on kept connections to a controller of its own, which has nothing else to do. */
async function requests(): Promise<readonly Figure[]> {
  await using kiln = await install();
  await kiln.ok(["controller", "listen", "127.0.0.1:0"]);
  const { controllerSocket } = openStateFolder({ KILN_HOME: kiln.home });
  const pid = await kiln.controllerPid();
  if (pid === undefined) throw new Error("no controller runs");
  const owner = createClient(controllerSocket, { stated: "bench@example.com" });
  const { address, pin } = parseLoginText((await owner.invite({ name: "ada", grants })).login) ?? noLogin();
  const authority = await fetchAuthority(address, pin);
  const stranger = createClient({ address, authority, token: undefined });
  const made = await repeat(tokens, async () => {
    const { login } = await owner.invite({ name: "ada", grants });
    return (await stranger.login({ invite: parseLoginText(login)?.invite ?? "" })).token;
  });
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const ask = (path: string, token: string | undefined) =>
    new Promise<void>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` };
      const call = request({ ...secureOptions({ address, authority }), agent, path, headers }, (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`${path} answered ${answer.statusCode}`));
        answer.resume().once("end", resolve);
      });
      call.once("error", reject).end();
    });
  const round = async (path: string) => {
    let sent = 0;
    const before = usageOf([pid]).cpuMs;
    const wallMs = await timed(() =>
      Promise.all(
        Array.from({ length: connections }, async () => {
          while (sent < requestsOfRound) await ask(path, made[sent++ % tokens]);
        }),
      ),
    );
    return { cpuMs: (usageOf([pid]).cpuMs - before) / (requestsOfRound / 1_000), wallMs };
  };
  await round("/v1/access/self");
  const rounds = [
    ["who asks", "/v1/access/self"],
    ["overview of nothing", "/v1/overview"],
  ] as const;
  const figures: Figure[] = [];
  for (const [what, path] of rounds) {
    const measured = await repeat(3, () => round(path));
    const seconds = measured.map(({ wallMs }) => `${((requestsOfRound / wallMs) * 1_000).toFixed(0)}/s`);
    const work = `1,000 authenticated requests (${what}), CPU time`;
    figures.push(
      figure(
        work,
        "ms",
        1_000,
        measured.map(({ cpuMs }) => cpuMs),
        `by the clock: ${seconds.join(", ")}`,
      ),
    );
  }
  agent.destroy();
  return figures;
}

function noLogin(): never {
  throw new Error("the controller gave another text than a login");
}

/** What stands before each request, with the store on a disk: find the token, compare it, and see that it counts. */
function tokenChecks(): Figure {
  using opened = openedStore();
  const { store } = opened;
  const { operations } = fakeOperations();
  const owners = createOwners(store, operations);
  const guard = new RemoteGuard({
    ...{ store, clock: systemClock, owners, revocations: new Revocations() },
    allowed: () => store.access.places(),
  });
  const texts = Array.from({ length: tokens }, () => {
    const { id, digest, text } = newCredential("usr");
    const { id: inviteId, digest: inviteDigest } = newCredential("inv");
    const expiresAtMs = Date.now() + 3_600_000;
    const made = { createdAtMs: Date.now(), createdBy: "root", expiresAtMs, tokenMs: 3_600_000 };
    const invite = { ...made, id: inviteId, name: "ada", grants };
    store.access.addInvite({ ...invite, digest: inviteDigest }, local);
    store.access.accept(invite, { id, digest, kind: "user", name: "ada", grants, expiresAtMs }, "192.0.2.1");
    return text;
  });
  const callers = texts.map(
    (text) =>
      ({
        headers: { authorization: `Bearer ${text}` },
        socket: { remoteAddress: "192.0.2.1" },
      }) as unknown as IncomingMessage,
  );
  const round = () => {
    const before = process.cpuUsage();
    for (let i = 0; i < checksOfRound; i++) {
      const caller = callers[i % tokens];
      if (caller !== undefined) guard.admit(caller, "self");
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000 / checksOfRound;
  };
  round();
  return figure(
    "check of a token, CPU time",
    "ms",
    0.05,
    Array.from({ length: 9 }, () => round()),
  );
}

function openedStore(): Disposable & { readonly store: Store } {
  const file = aDatabasePath("disk");
  const store = openStore(file.path, { clock: systemClock });
  return {
    store,
    [Symbol.dispose]: () => {
      store.close();
      file[Symbol.dispose]();
    },
  };
}

/** From a token of an issuer on this machine to one of the controller, its record included. The first one also fetches the keys. */
async function exchanges(): Promise<readonly Figure[]> {
  await using issuer = await anIssuer();
  using opened = openedStore();
  const { store } = opened;
  const rule = {
    name: "shop-ci",
    issuer: { kind: "github" as const, url: issuer.url, isPrivate: true },
    claims: { repository_id: ["74"], environment: ["production"] },
    grants,
  };
  store.access.setTrustRule(rule, local);
  const pin = "p".repeat(43);
  const audience = `kiln1.kiln.example.com:7443.${pin}`;
  const one = async (exchange: IdentityExchange) => {
    const idToken = await signed(githubClaims(issuer.url, audience, Date.now()), issuer.key);
    return await timed(() => exchange.exchange({ idToken }, { pin, address: "192.0.2.1" }));
  };
  const warm = new IdentityExchange(store, systemClock);
  await one(warm);
  return [
    figure("exchange of a pipeline's identity", "ms", 20, await repeat(200, () => one(warm))),
    figure(
      "the same, keys of the issuer fetched",
      "ms",
      undefined,
      await repeat(20, () => one(new IdentityExchange(store, systemClock))),
    ),
  ];
}
