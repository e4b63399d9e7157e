import { type ServerNumbers, serverOrder, serversWords } from "../words.ts";

/** More than so many squares are a number only. */
const mostBlocks = 24;

/** Servers as squares, with the numbers in words. */
export function ServerBlocks({
  servers,
  wanted,
}: {
  readonly servers: ServerNumbers;
  readonly wanted: number;
}) {
  const sorted = serverOrder.flatMap((state) => servers.filter((some) => some.state === state));
  const total = sorted.reduce((sum, { number }) => sum + number, 0);
  const working = sorted.find(({ state }) => state === "ready")?.number ?? 0;
  return (
    <span class="servers">
      {Math.max(total, wanted) <= mostBlocks && (
        <span class="blocks" aria-hidden="true">
          {sorted.flatMap(({ state, number }) =>
            Array.from({ length: number }, (_, n) => <i key={`${state}${n}`} class={`block ${state}`} />),
          )}
          {Array.from({ length: Math.max(0, wanted - working) }, (_, n) => (
            <i key={`missing${n}`} class="block missing" />
          ))}
        </span>
      )}
      <span class="count">{serversWords(servers, wanted)}</span>
    </span>
  );
}
