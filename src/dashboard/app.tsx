import { useEffect } from "preact/hooks";
import { heardAt, liveness, now } from "./live.ts";
import { Go, goTo, place } from "./navigation.tsx";
import { Icon } from "./parts/icon.tsx";
import { clockTime } from "./parts/time.tsx";
import { PlanDialog } from "./plan/dialog.tsx";
import { type Place, tabs } from "./route.ts";
import { setTheme, theme, themes } from "./theme.ts";
import { AccessView } from "./views/access/access.tsx";
import { DiffView } from "./views/diff.tsx";
import { DriftView } from "./views/drift.tsx";
import { FiguresView } from "./views/figures.tsx";
import { LogsView } from "./views/logs/logs.tsx";
import { NowView } from "./views/now.tsx";
import { PromotionView } from "./views/promotion.tsx";
import { RolloutView } from "./views/rollout.tsx";
import { ServerView } from "./views/server.tsx";
import { ServiceView } from "./views/service.tsx";
import { TimelineView } from "./views/timeline.tsx";
import { ago } from "./words.ts";

export function App() {
  useKeys();
  const at = place.value;
  useEffect(() => {
    document.title = "service" in at && at.service !== undefined ? `${at.service} · Kiln` : "Kiln";
  }, [at]);
  return (
    <div class={`app ${liveness.value}`}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <Go to={{ view: "now" }} class="brand" label="Kiln, to Now">
          <Icon name="kiln" />
          <span>Kiln</span>
        </Go>
        <nav aria-label="Views">
          {tabs.map(([name, to]) => (
            <Go key={name} to={to} current={at.view === to.view}>
              {name}
            </Go>
          ))}
        </nav>
        <LiveClock />
        <ThemeSwitch />
      </header>
      <Stale />
      <main id="main" tabIndex={-1}>
        <View at={at} />
      </main>
      <PlanDialog />
    </div>
  );
}

function View({ at }: { readonly at: Place }) {
  switch (at.view) {
    case "now":
      return <NowView />;
    case "service":
      return <ServiceView key={at.service} service={at.service} />;
    case "rollout":
      return <RolloutView key={at.rollout} service={at.service} id={at.rollout} />;
    case "diff":
      return <DiffView service={at.service} from={at.from} to={at.to} />;
    case "server":
      return <ServerView key={at.server} service={at.service} server={at.server} />;
    case "drift":
      return <DriftView />;
    case "timeline":
      return <TimelineView key={at.service ?? ""} service={at.service} />;
    case "figures":
      return <FiguresView service={at.service} />;
    case "logs":
      return <LogsView service={at.service} server={at.server} />;
    case "promotion":
      return <PromotionView />;
    case "access":
      return <AccessView />;
    case "unknown":
      return (
        <section>
          <h1>There is nothing here</h1>
          <p>
            <Go to={{ view: "now" }}>See what serves now</Go>
          </p>
        </section>
      );
  }
}

const livenessWords = { live: "Live", connecting: "Connecting", stale: "Not connected" } as const;

function LiveClock() {
  const state = liveness.value;
  return (
    <p class={`clock ${state}`}>
      <Icon name={state === "live" ? "dot" : "ring"} />
      <span class="wide">{livenessWords[state]}</span>
      <time>{clockTime(state === "live" ? now.value : heardAt.value)}</time>
    </p>
  );
}

function Stale() {
  const isStale = liveness.value === "stale";
  return (
    <div role="status" class={isStale ? "banner" : "banner hidden"}>
      {isStale &&
        `Nothing was heard from the controller since ${ago(heardAt.value, now.value)}: this is how it was then.`}
    </div>
  );
}

function ThemeSwitch() {
  return (
    <label class="theme">
      <span class="unseen">Colours</span>
      <select value={theme.value} onChange={(event) => setTheme(event.currentTarget.value)}>
        {themes.map((name) => (
          <option key={name} value={name}>
            {name === "auto" ? "Auto" : name === "light" ? "Light" : "Dark"}
          </option>
        ))}
      </select>
    </label>
  );
}

const keys: Readonly<Record<string, Place>> = {
  n: { view: "now" },
  d: { view: "drift" },
  p: { view: "promotion" },
  t: { view: "timeline", service: undefined },
  l: { view: "logs", service: undefined, server: undefined },
  f: { view: "figures", service: undefined },
  a: { view: "access" },
};

/** `g` and a letter goes to a view, `/` to the search. Nothing else is a shortcut: the browser's keys do the rest. */
function useKeys(): void {
  useEffect(() => {
    let before = "";
    const press = (event: KeyboardEvent) => {
      const isTyping =
        event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
      if (isTyping || event.metaKey || event.ctrlKey || event.altKey) return;
      const to = before === "g" ? keys[event.key] : undefined;
      before = event.key;
      if (to !== undefined) goTo(to);
      if (event.key !== "/") return;
      event.preventDefault();
      document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
