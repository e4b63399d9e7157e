import type { Answer } from "../../api/contract/types.ts";
import { Go } from "../navigation.tsx";
import { Icon } from "../parts/icon.tsx";
import { Clock, dayOf } from "../parts/time.tsx";
import { Words } from "../parts/words.tsx";
import { actorOf, toneOf } from "./event-words.ts";

type KilnEvent = Answer<"events">;

/** Entries of the log, the newest first, under their days. */
export function Events({ events, withService = false }: EventsProps) {
  if (events.length === 0) return <p class="empty">Nothing yet.</p>;
  const days = Map.groupBy(events, ({ atMs }) => dayOf(atMs));
  return (
    <>
      {[...days].map(([day, those]) => (
        <div key={day} class="day">
          <h3>{day}</h3>
          <ol class="events">
            {those.map((event) => (
              <Entry key={event.sequence} event={event} withService={withService} />
            ))}
          </ol>
        </div>
      ))}
    </>
  );
}

interface EventsProps {
  readonly events: readonly KilnEvent[];
  readonly withService?: boolean;
}

function Entry({ event, withService }: { readonly event: KilnEvent; readonly withService: boolean }) {
  const { sequence, atMs, service, kind, message, data } = event;
  const tone = toneOf(kind);
  const actor = actorOf(event);
  return (
    <li class={tone}>
      <Clock at={atMs} />
      <Icon name={tone} />
      <div>
        <p>
          <Words text={message} />
          {typeof data.rollout === "number" && service !== undefined && (
            <>
              {" "}
              <Go to={{ view: "rollout", service, rollout: data.rollout }}>rollout {data.rollout}</Go>
            </>
          )}
        </p>
        <p class="quiet">
          {withService && service !== undefined && (
            <>
              <Go to={{ view: "service", service }}>{service}</Go> ·{" "}
            </>
          )}
          {actor !== undefined && <>by {actor} · </>}
          {typeof data.reason === "string" && actor !== undefined && <>“{data.reason}” · </>}
          {kind} · {sequence}
        </p>
      </div>
    </li>
  );
}
