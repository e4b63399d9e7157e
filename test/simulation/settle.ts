import type { Store } from "../../src/store/store.ts";
import type { Scene } from "./scene.ts";

/** Longer than the longest way back from anywhere: deadlines of every step, drains, back-offs, a warm group. */
const settleLimitMs = 30 * 60_000;

/** The faults stop, and time passes: all that was begun must come to its end. */
export async function settle(scene: Scene): Promise<void> {
  const { trace, faults, world, time, installation } = scene;
  const { verdict } = world.referee;
  trace.add(() => "the faults stop");
  faults.stop();
  world.heal();
  installation.life?.killAt(Number.POSITIVE_INFINITY, false);
  if (installation.controller === undefined) await installation.start();
  scene.council.conclude();
  const limitMs = time.now() + settleLimitMs;
  let rest: readonly string[] = ["it was never looked"];
  while (scene.isWell && rest.length > 0 && time.now() < limitMs) {
    await scene.pass(5_000);
    decide(scene);
    if (isAtRest(installation.store)) rest = await problems(scene);
  }
  if (!scene.isWell) return;
  verdict.expect(rest.length === 0, "comes-to-rest", () => rest.join("; "));
  const bad = installation.store.log.check();
  verdict.expect(bad === undefined, "events-verify", () => `event ${bad?.sequence}: ${bad?.message}`);
}

/** A rollout that waits for a person does not come to rest by itself. */
function decide({ operator, installation }: Scene): void {
  const { store, controller } = installation;
  for (const { service, rollout } of store.desiredAll()) {
    if (rollout?.phase === "paused" && controller !== undefined)
      operator.decide(controller, service, () => installation.rolloutOf(service));
  }
}

async function problems(scene: Scene): Promise<readonly string[]> {
  const { store, platform } = scene.installation;
  const signal = new AbortController().signal;
  const looking = platform.observe({ signal, deadline: Number.POSITIVE_INFINITY });
  const observation = await scene.time.settle(looking);
  return scene.world.restProblems(store, observation, scene.now());
}

/** Whether the store holds nothing that time alone will change. */
function isAtRest(store: Store): boolean {
  return store
    .desiredAll()
    .every(({ rollout, warm, removed }) => rollout === undefined && warm.length === 0 && !removed);
}
