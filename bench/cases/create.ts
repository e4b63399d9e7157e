import type { Case } from "../case.ts";
import { figure } from "../figure.ts";
import { openLocalServers } from "../local-servers.ts";
import { siteProject } from "../projects.ts";
import { repeat, timed } from "../stats.ts";

const servers = 20;
const atOnce = 10;

export const createCase: Case = {
  name: "create",
  about: "one server by the local host, from the call until its process has started; no controller",
  async run(workshop) {
    await using bench = await workshop.open(siteProject());
    await using local = await openLocalServers(bench);
    const first = await timed(() => local.create(1));
    const single = await repeat(servers, (round) => timed(() => local.create(1 + round)));
    const slots = Array.from({ length: atOnce }, (_, i) => 100 + i);
    const many = await timed(() => Promise.all(slots.map((slot) => local.create(slot))));
    const destroyed = await repeat(servers, (round) => timed(() => local.destroy(1 + round)));
    return [
      {
        ...figure("create one server", "ms", 60, single),
        against: { peer: "plain runc", times: 1.5 },
      },
      figure(
        "create the first server of an image",
        "ms",
        undefined,
        [first],
        "mounts its layers, makes the bridge",
      ),
      figure(`create ${atOnce} servers at once, each`, "ms", undefined, [many / atOnce]),
      figure("destroy one server", "ms", undefined, destroyed),
    ];
  },
};
