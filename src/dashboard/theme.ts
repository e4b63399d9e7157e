import { signal } from "@preact/signals";

/** `auto` follows the system. */
export const themes = ["auto", "light", "dark"] as const;
type Theme = (typeof themes)[number];

const key = "kiln-theme";
export const theme = signal<Theme>("auto");

export function restoreTheme(): void {
  setTheme(localStorage.getItem(key));
}

export function setTheme(name: string | null): void {
  theme.value = themes.find((known) => known === name) ?? "auto";
  document.documentElement.dataset.theme = theme.value;
  localStorage.setItem(key, theme.value);
}
