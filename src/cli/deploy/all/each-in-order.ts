import type { Dependent } from "./order.ts";

/** What became of one of many. */
interface Ended {
  /** Whether what comes after it may begin. */
  readonly isDone: boolean;
}

/**
 * Works on each item once all that it comes after is done; where something of that is not, `skip` takes the place of `work`.
 * The rest continues. The items have an order, and neither function rejects.
 */
export async function eachInOrder<Item extends Dependent, Result extends Ended>(
  items: readonly Item[],
  { work, skip }: { work(item: Item): Promise<Result>; skip(item: Item, because: Item): Result },
): Promise<readonly Result[]> {
  const byName = new Map(items.map((item) => [item.name, item]));
  const results = new Map<string, Promise<Result>>();

  async function run(item: Item): Promise<Result> {
    const before = item.after.flatMap((name) => byName.get(name) ?? []);
    const ended = await Promise.all(before.map(resultOf));
    const failed = ended.findIndex(({ isDone }) => !isDone);
    const because = before[failed];
    return because === undefined ? work(item) : skip(item, because);
  }

  function resultOf(item: Item): Promise<Result> {
    const known = results.get(item.name) ?? run(item);
    results.set(item.name, known);
    return known;
  }

  return Promise.all(items.map(resultOf));
}
