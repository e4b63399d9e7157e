import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { anAsker } from "../../domain/testing.ts";
import { silentLog } from "../../lib/log.ts";
import { aStore } from "../../store/testing.ts";
import { startSources } from "./operations.ts";
import { folderOf } from "./repository.ts";

const ada = anAsker("ada@example");

test("a repository that is added again waits until the one before has left the folder", async () => {
  const folder = mkdtempSync("/tmp/kiln-sources-");
  const silent = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1"); // a look at it takes as long as it may
  await new Promise((resolve) => silent.once("listening", resolve));
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : undefined;
  using opened = aStore();
  const { store, clock } = opened;
  const deploy = () => Promise.reject(new Error("nothing is deployed"));
  const { operations, close } = startSources({ store, clock, log: silentLog, folder, deploy });
  const add = () =>
    operations.addSource(
      {
        ...{ service: "shop", url: `git://127.0.0.1:${port}/shop`, branch: "main" },
        ...{ path: ".", intervalMs: 60_000 },
      },
      ada,
    );
  try {
    await add();
    await Promise.all([operations.removeSource({ service: "shop" }, ada), add()]);
    expect(existsSync(folderOf(folder, "shop"))).toBe(true);
  } finally {
    await close();
    silent.close();
    rmSync(folder, { recursive: true });
  }
}, 60_000);
