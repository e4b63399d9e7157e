import type { Answer } from "../../api/contract/types.ts";
import { plural, type Tone } from "../words.ts";

/** The first sentence that someone on call reads. */
export function headline({ total, counts }: Pick<Answer<"overview">, "total" | "counts">): {
  readonly tone: Tone;
  readonly sentence: string;
  readonly rest: string;
} {
  const { broken, failed, drifted, stuck, waiting, moving, warned } = counts;
  const bad = broken + failed;
  const more = [
    ...(broken > 0 && failed > 0 ? [`${broken} broken`, `${failed} with a failed rollout`] : []),
    ...(bad > 0 && drifted > 0 ? [`${drifted} drifted`] : []),
    ...(stuck > 0 ? [`${stuck} held up`] : []),
    ...(waiting > 0 ? [`${waiting} waiting for someone`] : []),
    ...(moving > 0 ? [`${moving} under way`] : []),
    ...(warned > 0 ? [`${warned} with a warning`] : []),
  ];
  const rest = [...more, ...(bad + drifted > 0 ? [`${plural(total, "service")} in all`] : [])].join(" · ");
  if (broken > 0 && failed === 0)
    return { tone: "bad", rest, sentence: `${plural(broken, "service")} ${isOrAre(broken)} broken` };
  if (bad > 0 && broken === 0)
    return { tone: "bad", rest, sentence: `The newest rollout of ${plural(failed, "service")} failed` };
  if (bad > 0)
    return { tone: "bad", rest, sentence: `${plural(bad, "service")} need${bad === 1 ? "s" : ""} you` };
  if (drifted > 0)
    return { tone: "drift", rest, sentence: `Someone changed servers of ${plural(drifted, "service")}` };
  if (total === 0) return { tone: "quiet", rest, sentence: "No services yet" };
  const all = total === 1 ? "The one service serves" : `All ${total} services serve`;
  return { tone: stuck + waiting > 0 ? "warn" : moving > 0 ? "moving" : "good", rest, sentence: all };
}

function isOrAre(number: number): string {
  return number === 1 ? "is" : "are";
}
