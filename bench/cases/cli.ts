import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { openFleet } from "../fleet.ts";
import { repeat, timed } from "../stats.ts";

export const cliCase: Case = {
  name: "cli",
  about: "`kiln status` and `kiln --version`, process start included, with 10 servers",
  async run(workshop) {
    await using fleet = await openFleet(workshop, { count: 10 });
    const { installation, folder } = fleet.bench;
    const run = (...args: string[]) => timed(() => installation.ok(args, { cwd: folder }));
    await run("status");
    return [
      figure("kiln status", "ms", 150, await repeat(15, () => run("status"))),
      figure("kiln --version", "ms", undefined, await repeat(15, () => run("--version"))),
    ];
  },
};
