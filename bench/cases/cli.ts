import { exec } from "../../src/lib/process/exec.ts";
import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { openFleet } from "../fleet.ts";
import { repeat, summarize, timed } from "../stats.ts";

/** The most time that `kiln status` may take: so long, or as long as so many starts of an empty Node.js at the same time. */
const mostMs = 150;
const mostStarts = 3;
const mostStartsOfVersion = 1.5;

export const cliCase: Case = {
  name: "cli",
  about: "`kiln status` and `kiln --version`, process start included, with 10 servers",
  async run(workshop) {
    await using fleet = await openFleet(workshop, { count: 10 });
    const { installation, folder } = fleet.bench;
    const run = (...args: string[]) => timed(() => installation.ok(args, { cwd: folder }));
    const empty = () => timed(() => exec([process.execPath, "--eval", "0"]));
    await run("status");
    await empty();
    const pairs = await repeat(15, async () => ({
      ...{ status: await run("status"), version: await run("--version"), empty: await empty() },
    }));
    const node = pairs.map((pair) => pair.empty);
    return [
      figure("an empty Node.js process", "ms", undefined, node),
      figure(
        "kiln status",
        "ms",
        Math.max(mostMs, mostStarts * summarize(node).median),
        pairs.map((pair) => pair.status),
      ),
      figure(
        "kiln --version",
        "ms",
        mostStartsOfVersion * summarize(node).median,
        pairs.map((pair) => pair.version),
      ),
    ];
  },
};
