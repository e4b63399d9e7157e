/** A service and the services that must serve before its rollout begins. */
export interface Dependent {
  readonly name: string;
  readonly after: readonly string[];
}

/** Why there is no order: `index` is the place in `after` of the service `name`. */
export type OrderFault =
  | { readonly kind: "unknown"; readonly name: string; readonly index: number }
  | {
      readonly kind: "cycle";
      readonly name: string;
      readonly index: number;
      readonly cycle: readonly string[];
    };

/**
 * The services so that each comes after all that it names, otherwise in the given order; or every name that is unknown,
 * and for each cycle the service that closes it. Pure.
 */
export function orderOf<Item extends Dependent>(
  items: readonly Item[],
): { readonly order: readonly Item[]; readonly faults: readonly OrderFault[] } {
  const byName = new Map(items.map((item) => [item.name, item]));
  const done = new Set<string>();
  const order: Item[] = [];
  const faults: OrderFault[] = [];

  function visit(item: Item, way: readonly string[]): void {
    if (done.has(item.name)) return;
    for (const [index, name] of item.after.entries()) {
      const other = byName.get(name);
      const path = [...way, item.name];
      if (other === undefined) faults.push({ kind: "unknown", name: item.name, index });
      else if (path.includes(name)) {
        const cycle = [...path.slice(path.indexOf(name)), name];
        faults.push({ kind: "cycle", name: item.name, index, cycle });
      } else visit(other, path);
    }
    if (done.has(item.name)) return;
    done.add(item.name);
    order.push(item);
  }

  for (const item of items) visit(item, []);
  return { order, faults };
}
