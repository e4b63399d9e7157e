import { render } from "preact";
import { App } from "./app.tsx";
import { follow } from "./live.ts";
import { invalidate } from "./store.ts";
import { restoreTheme } from "./theme.ts";

restoreTheme();
follow(invalidate);
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
