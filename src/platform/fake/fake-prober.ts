import { askedWords } from "../../domain/spec/health-check.ts";
import type { Prober } from "../fleet/health/prober.ts";
import type { FakeWorld } from "./world.ts";

/** Asks the servers of a fake world, in that world's time. */
export function fakeProber(world: FakeWorld): Prober {
  return {
    async probe({ id, check, timeoutMs }, signal) {
      const { answerMs = 0 } = world.behaviourOf(id);
      try {
        if (answerMs > 0) await world.clock.sleep(Math.min(answerMs, timeoutMs), signal);
      } catch {
        return { ok: false, words: "cancelled" };
      }
      if (answerMs >= timeoutMs) return { ok: false, words: `no answer within ${timeoutMs} ms` };
      if (check.kind === "alive") return { ok: true, words: "its process runs" };
      const answer = world.answer(id);
      if (check.kind === "tcp") {
        const ok = answer.words !== "connection refused";
        return { ok, words: ok ? "connected" : answer.words };
      }
      const asked = answer.words.startsWith("answered")
        ? `${askedWords(check)} ${answer.words}`
        : answer.words;
      return { ok: answer.ok, words: asked };
    },
  };
}
