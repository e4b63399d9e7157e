import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { exec } from "../../../lib/process/exec.ts";
import { formatAddress, gateway } from "../../linux/addresses.ts";
import { until, whyNoContainers } from "../test-host.ts";
import { bridgeName, machineAddress, machineLink, type Network, namespacePath, portOf } from "./commands.ts";
import { furnish, isInside, runInside } from "./own-namespaces.ts";
import { attachPort, configurePort, detachPort } from "./ports.ts";

const reason = whyNoContainers();
if (reason) console.log(`Frames of machines are not tested: ${reason}.`);

describe.skipIf(reason !== undefined || isInside)("what a machine sends", () => {
  test("is looked at (in namespaces of its own)", async () => {
    const { code, said } = await runInside(import.meta.filename);
    expect(code, said).toBe(0);
  });
});

const network: Network = { tag: "0123abcd", subnet: { base: 0x0a_c0_04_00, bits: 22 }, mtu: 1500 };
const own = network.subnet.base + 5;
const other = network.subnet.base + 9;

/** As a guest whose kernel was taken over: sends each frame (hex) again and again through the tap. */
const sender = `
  open(my $tap, "+<", "/dev/net/tun") or die "tun: $!";
  my $asked = pack("a16 S x22", "${machineLink}", 0x1002);
  ioctl($tap, 0x400454ca, $asked) or die "TUNSETIFF: $!";
  while (1) { for (@ARGV) { syswrite($tap, pack("H*", $_)) } select(undef, undef, undef, 0.1) }`;

/** "Who has the gateway? Tell ...": who is asked remembers who has asked (RFC 826). */
function arpRequest(from: string, address: number): string {
  const mac = from.replaceAll(":", "");
  const ip = (of: number) => of.toString(16).padStart(8, "0");
  const [ether, unknown] = [`ffffffffffff${mac}0806`, "000000000000"];
  return `${ether}0001080006040001${mac}${ip(address)}${unknown}${ip(gateway(network.subnet))}`;
}

describe.skipIf(reason !== undefined || !isInside)("in namespaces of its own", () => {
  test("a machine's frames have its own addresses, or go nowhere", async () => {
    await furnish();
    const bridge = bridgeName(network.tag);
    await exec(["ip", "link", "add", bridge, "type", "bridge"]);
    await exec(["ip", "addr", "add", `${formatAddress(gateway(network.subnet))}/22`, "dev", bridge]);
    await exec(["ip", "link", "set", bridge, "up"]);
    const port = portOf(network, "shop-1-1-1", own);
    await attachPort(network, port, undefined);
    onTestFinished(() => detachPort(port));
    await configurePort(network, port, "machine");

    const mac = machineAddress(own);
    const frames = [arpRequest(mac, other), arpRequest("06:00:00:00:00:99", own), arpRequest(mac, own)];
    const within = `--net=${namespacePath(port.namespace)}`;
    const guest = spawn("nsenter", [within, "perl", "-e", sender, ...frames], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    onTestFinished(async () => {
      guest.kill("SIGKILL");
      if (guest.exitCode === null && guest.signalCode === null) await once(guest, "exit");
    });
    const known = async () => (await exec(["ip", "neigh", "show", "dev", bridge])).stdout;
    await until(async () => (await known()).includes(mac), 120_000);
    expect(await known()).not.toContain(formatAddress(other));
    expect(await known()).not.toContain("06:00:00:00:00:99");
  });
});
