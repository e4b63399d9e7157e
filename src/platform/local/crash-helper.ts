import { silentLog } from "../../lib/log.ts";
import { openStateFolder } from "../../lib/state-folder.ts";
import { systemClock } from "../../lib/time/clock.ts";
import type { HostImage } from "../contract/images.ts";
import { localHost } from "./local-host.ts";
import { testRelease } from "./test-image.ts";

// For tests: a controller in a process of its own, to be killed in the middle of its work. It does what its arguments say and
// prints what it has done; its test decides how far it comes.
const [home = "", imageJson = "", action = "", id = ""] = process.argv.slice(2);
const image: HostImage = JSON.parse(imageJson);
const host = localHost({
  state: openStateFolder({ KILN_HOME: home }),
  images: { check: async () => {}, open: async () => image },
  secrets: { newest: async () => new Uint8Array(), open: async () => new Map([["A", Buffer.from("value")]]) },
  configs: { open: async () => new Uint8Array() },
  clock: systemClock,
  log: silentLog,
});
const call = { signal: AbortSignal.timeout(60_000), deadline: Date.now() + 60_000 };
process.stdout.write("begun\n");
const secret = { name: "A", version: 1, delivery: { kind: "file", path: "/run/secrets/A" } } as const;
const release = { ...testRelease("any"), secrets: [secret] };
if (action === "create") await host.create({ id, release }, call);
else if (action === "probe") process.stdout.write(`${JSON.stringify(await host.probe(call))}\n`);
else await host.destroy(id, call);
process.stdout.write("done\n");
setInterval(() => {}, 1000);
