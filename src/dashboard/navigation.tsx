import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { type Place, pathOf, placeOf } from "./route.ts";

// The link that lets a browser in answers with the page itself, and works once.
if (location.pathname.startsWith("/enter/")) history.replaceState(null, "", "/");

export const place = signal<Place>(placeOf(location.pathname));

addEventListener("popstate", () => {
  place.value = placeOf(location.pathname);
});

export function goTo(next: Place): void {
  history.pushState(null, "", pathOf(next));
  place.value = next;
  scrollTo(0, 0);
  document.querySelector<HTMLElement>("main")?.focus();
}

/** Another choice on the same page: what has the focus keeps it, and the way back leads off the page. */
export function stayAt(next: Place): void {
  history.replaceState(null, "", pathOf(next));
  place.value = next;
}

/** A link within the dashboard: the browser's own, except that the page is not loaded again. */
export function Go({ to, class: name, children, current, label }: GoProps) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    goTo(to);
  };
  return (
    <a
      href={pathOf(to)}
      class={name}
      onClick={follow}
      aria-current={current ? "page" : undefined}
      aria-label={label}
    >
      {children}
    </a>
  );
}

interface GoProps {
  readonly to: Place;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly current?: boolean;
  readonly label?: string | undefined;
}
