import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Answer } from "../../../api/contract/types.ts";
import { stayAt } from "../../navigation.tsx";
import { FaultNote } from "../../parts/answer.tsx";
import { clockTime } from "../../parts/time.tsx";
import { useAnswer } from "../../store.ts";
import { plural } from "../../words.ts";
import { type Line, matching, mostLines, newerThan, piecesOf } from "./lines.ts";
import { type Source, type Tail, useTail } from "./tail.ts";
import { mostFollowing } from "./turn.ts";

/** What do they write? */
export function LogsView({
  service,
  server,
}: {
  readonly service: string | undefined;
  readonly server: string | undefined;
}) {
  return (
    <section>
      <header class="plain">
        <h1>Logs{service !== undefined && ` of ${server ?? service}`}</h1>
      </header>
      <Choice service={service} server={server} />
      {service === undefined ? (
        <p class="empty">Choose a service: its servers' lines come as they are written.</p>
      ) : (
        <Following key={`${service} ${server}`} service={service} server={server} />
      )}
    </section>
  );
}

/** All of the installation. */
const mostServices = 1_000;

function Choice({
  service,
  server,
}: {
  readonly service: string | undefined;
  readonly server: string | undefined;
}) {
  const services = useAnswer("overview", { limit: mostServices }).value?.services ?? [];
  const names = services.map((row) => row.service).toSorted();
  return (
    <div class="bar filters">
      <label class="choice">
        Service
        <select
          value={service ?? ""}
          onChange={({ currentTarget: { value } }) =>
            stayAt({ view: "logs", service: value === "" ? undefined : value, server: undefined })
          }
        >
          <option value="">Choose…</option>
          {(service === undefined || names.includes(service) ? names : [service, ...names]).map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {service !== undefined && <ServerChoice service={service} server={server} />}
    </div>
  );
}

function ServerChoice({ service, server }: Source) {
  const status = useAnswer("status", { service }).value;
  const sources = status === undefined ? [] : sourcesOf(status);
  return (
    <label class="choice">
      From
      <select
        value={server ?? ""}
        onChange={({ currentTarget: { value } }) =>
          stayAt({ view: "logs", service, server: value === "" ? undefined : value })
        }
      >
        <option value="">all of its servers</option>
        {(server === undefined || sources.includes(server) ? sources : [server, ...sources]).map((id) => (
          <option key={id} value={id}>
            {id}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Jobs that have ended too, as long as their logs are kept. */
function sourcesOf({ servers, jobs }: Answer<"status">): readonly string[] {
  return [...servers, ...jobs].map(({ id }) => id);
}

function Following(source: Source) {
  const { lines, state, fault } = useTail(source).value;
  const [q, setQuery] = useState("");
  const [held, setHeld] = useState<readonly Line[]>();
  const shown = matching(held ?? lines, q);
  const newer = held === undefined ? 0 : newerThan(held, lines);
  return (
    <>
      {fault !== undefined && <FaultNote fault={fault} />}
      <div class="bar">
        <p class="quiet" role="status">
          {countWords(shown.length, (held ?? lines).length, q)} ·{" "}
          {stateWords(state, held !== undefined, newer)}
        </p>
        <div class="seek">
          <button
            type="button"
            aria-pressed={held !== undefined}
            onClick={() => setHeld(held === undefined ? lines : undefined)}
          >
            {held === undefined ? "Pause" : "Continue"}
          </button>
          <input
            type="search"
            aria-label="Only lines with"
            placeholder="Only lines with ( / )"
            value={q}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </div>
      </div>
      <Lines lines={shown} named={source.server === undefined} />
    </>
  );
}

function countWords(shown: number, all: number, q: string): string {
  const of = q === "" ? plural(all, "line") : `${shown} of ${plural(all, "line")} with “${q}”`;
  return all === mostLines ? `${of}, older ones are left out` : of;
}

function stateWords(state: Tail["state"], paused: boolean, newer: number): string {
  if (paused) return newer === 0 ? "paused" : `paused, ${plural(newer, "newer line")}`;
  return {
    waiting: `waiting until one of ${mostFollowing} other pages that follow logs is closed or hidden: a browser has no connections for more`,
    connecting: "connecting",
    live: "live",
    ended: "it writes no more",
  }[state];
}

/** More would make the page slow; the search finds the others. */
const mostShown = 1_000;

/** The newest at the end, which stays in sight for as long as no one scrolls up. */
function Lines({ lines, named }: { readonly lines: readonly Line[]; readonly named: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  return (
    <div
      ref={box}
      class="log tail"
      role="log"
      aria-live="off"
      aria-label="Lines"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        atEnd.current = scrollHeight - scrollTop - clientHeight < 8;
      }}
    >
      {lines.length === 0 && <p class="quiet">Nothing yet.</p>}
      {lines.slice(-mostShown).map(({ n, atMs, server, text }) => (
        <p key={n}>
          <time dateTime={new Date(atMs).toISOString()}>{clockTime(atMs)}</time>
          {named && <span class="from">{server}</span>}
          <span class="text">
            {piecesOf(text).map((piece, k) => (
              <span key={k} class={piece.tone}>
                {piece.text}
              </span>
            ))}
          </span>
        </p>
      ))}
    </div>
  );
}
