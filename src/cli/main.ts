import { version } from "../lib/version.ts";

// The one request that needs nothing of Kiln has its answer before anything is loaded.
const [only, ...more] = process.argv.slice(2);
if (more.length === 0 && (only === "--version" || only === "-V")) process.stdout.write(`${version}\n`);
else await import("./start.ts");
