import { render } from "preact";
import { App } from "./app.tsx";
import { listen } from "./live.ts";
import { invalidate } from "./store.ts";
import { restoreTheme } from "./theme.ts";

restoreTheme();
listen((event) => invalidate(event?.service));
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
