import { KilnError } from "../../lib/errors.ts";
import { createLock } from "../../lib/locks.ts";
import type { Call } from "../contract/call.ts";
import { chooseAddress, formatAddress, parseAddress, parseSubnet } from "../linux/addresses.ts";
import { inspectedNetwork } from "./engine/answers.ts";
import type { Engine } from "./engine/engine.ts";
import type { EngineNames } from "./names.ts";

/** The target's own bridge, and a place on it for each server. */
export interface EngineNetwork {
  /**
   * A free address, and the machine's own on that bridge, which is made where there is none. `claim` is called while no one else
   * gets one: what it writes counts as used. Throws `platform_unusable`.
   */
  place<T>(addresses: () => Addresses, claim: (place: NetworkPlace) => T, call: Call): Promise<T>;
  /** Removes the bridge where no server has a place on it, also one that a call left which was given up. */
  removeIdle(isUsed: () => boolean, call: Call): Promise<void>;
}

export interface NetworkPlace {
  readonly address: string;
  readonly gateway: string;
}

export interface Addresses {
  readonly used: readonly string[];
  /** The one that was given out last. */
  readonly last: string | undefined;
}

interface Found {
  readonly subnet: string;
  readonly gateway: string;
}

export function engineNetwork(engine: Engine, names: EngineNames): EngineNetwork {
  const path = `/networks/${names.network}`;
  const inTurn = createLock();
  /** Of a former controller, to begin with. */
  let mayBeThere = true;

  async function find({ signal }: Call): Promise<Found | undefined> {
    const found = await engine.read({ path, accept: [404], signal }, inspectedNetwork);
    const [config] = found?.IPAM.Config ?? [];
    if (config === undefined) return undefined;
    const subnet = parseSubnet(config.Subnet);
    return { subnet: config.Subnet, gateway: config.Gateway ?? formatAddress((subnet?.base ?? 0) + 1) };
  }

  async function make({ signal }: Call, ipam: object): Promise<void> {
    await engine.send({
      ...{ method: "POST", path: "/networks/create", signal },
      body: {
        ...{ Name: names.network, Driver: "bridge", CheckDuplicate: true, Labels: names.labels, ...ipam },
        Options: {
          "com.docker.network.bridge.name": names.bridge,
          // No server reaches another one past the router.
          "com.docker.network.bridge.enable_icc": "false",
        },
      },
    });
  }

  /** False while containers are on it. */
  async function remove({ signal }: Call): Promise<boolean> {
    return (await engine.send({ method: "DELETE", path, accept: [403, 404, 409], signal })) !== 403;
  }

  /**
   * Only the engine knows which subnets are free, and only of a network whose subnet was asked for it gives out the addresses
   * that it is asked for: so it chooses one, and is then asked for that.
   */
  async function ensure(call: Call): Promise<Found> {
    mayBeThere = true;
    const present = await find(call);
    if (present !== undefined) return present;
    await make(call, {});
    const chosen = await find(call);
    await remove(call);
    if (chosen === undefined) throw lost(names);
    await make(call, { IPAM: { Config: [{ Subnet: chosen.subnet, Gateway: chosen.gateway }] } });
    return chosen;
  }

  return {
    place: (addresses, claim, call) =>
      inTurn(async () => {
        const { subnet, gateway } = await ensure(call);
        const { used, last } = addresses();
        const parsed = parseSubnet(subnet);
        const taken = new Set(used.map((address) => parseAddress(address) ?? 0));
        const address = parsed && chooseAddress(parsed, taken, parseAddress(last ?? "") ?? 0);
        if (address === undefined) throw full(names, used.length);
        return claim({ address: formatAddress(address), gateway });
      }),
    removeIdle: (isUsed, call) =>
      inTurn(async () => {
        if (!mayBeThere || isUsed()) return;
        mayBeThere = !(await remove(call));
      }),
  };
}

function lost({ network }: EngineNames): KilnError {
  return new KilnError("platform_unusable", `The network ${network} vanished while it was being made.`, {
    hint: "Another program removes networks of this engine. Kiln tries again.",
    retry: true,
  });
}

function full({ network }: EngineNames, count: number): KilnError {
  return new KilnError("platform_unusable", `All ${count} addresses of the network ${network} are in use.`, {
    hint: "Scale a service down, or remove one.",
  });
}
