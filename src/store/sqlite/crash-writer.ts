import { anAsker } from "../../domain/testing.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { openStore } from "../store.ts";
import { aDraft, begin, finish } from "../testing.ts";

/** Run by crash.test.ts in a process of its own: changes the state without end, one line on stdout for each round. */
function main(path: string): void {
  using store = openStore(path, { clock: systemClock });
  for (let round = 1; ; round++) {
    const number = (store.releases("shop").at(-1)?.number ?? 0) + 1;
    const { rollout } = begin(store, aDraft(number), { supersede: true });
    store.setCount("shop", (round % 7) + 1, anAsker());
    finish(store, rollout, round % 3 === 0 ? "rolled-back" : "complete", { atMs: systemClock.now() });
    store.pruneReleases("shop", 3);
    process.stdout.write(`${round}\n`);
  }
}

main(process.argv[2] ?? "");
