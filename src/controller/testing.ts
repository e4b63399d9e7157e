import { rmSync } from "node:fs";
import { join } from "node:path";
import type { ImageDigest } from "../domain/ids.ts";
import { draftOf } from "../domain/rollout/release.ts";
import { localTarget } from "../domain/target.ts";
import { anAsker, aPolicy, aRelease } from "../domain/testing.ts";
import { KilnError } from "../lib/errors.ts";
import { silentLog } from "../lib/log.ts";
import { memoryFolder } from "../lib/testing.ts";
import { FakeClock } from "../lib/time/fake-clock.ts";
import { steadyClock } from "../lib/time/steady-clock.ts";
import { fakePlatform } from "../platform/fake/fake-platform.ts";
import { FakeWorld } from "../platform/fake/world.ts";
import type { Fleet } from "../platform/fleet/fleet.ts";
import { openStore, type Store } from "../store/store.ts";
import { writeBlankDatabase } from "../store/testing.ts";
import { type Controller, startController } from "./controller.ts";
import { requireNotRevoked } from "./images/revocations.ts";
import { Meter } from "./metrics/meter.ts";
import type { DeployRequest, ServiceStatus } from "./operations.ts";
import type { Platforms } from "./targets/operations.ts";

/** For a controller whose targets stay as they are. */
export const noPlatforms: Platforms = {
  requireValid: ({ platform }) => {
    throw new KilnError("target_invalid", `Kiln has no platform ${platform}.`);
  },
  open: () => Promise.reject(new Error("no target is opened")),
};

/** A controller with its store, over a fake machine that outlives it. */
export class TestInstallation implements AsyncDisposable {
  readonly clock = new FakeClock(1_000_000);
  readonly world = new FakeWorld(this.clock);
  readonly meter = new Meter();
  readonly folder: string;
  /** Versions that name another image than requests say: `<service>:<version>` to digest. */
  readonly versions = new Map<string, ImageDigest>();
  /** By image, the ids of the keys that have signed it. */
  readonly signers = new Map<ImageDigest, readonly string[]>();
  /** What images were built on. */
  readonly bases = new Map<ImageDigest, readonly ImageDigest[]>();
  readonly #database: string;
  store!: Store;
  platform!: Fleet;
  controller!: Controller;

  /** `folder`: with the database of another one, whose controller is gone. */
  constructor(folder?: string) {
    this.folder = folder ?? memoryFolder("kiln-c-");
    this.#database = join(this.folder, "kiln.db");
    if (folder === undefined) writeBlankDatabase(this.#database);
    this.start();
  }

  start(): void {
    const clock = steadyClock(this.clock);
    this.store = openStore(this.#database, { clock });
    const images = { bases: (image: ImageDigest) => this.bases.get(image) ?? [] };
    const requireStartable = (image: ImageDigest) =>
      requireNotRevoked({ store: this.store, clock, images }, image);
    this.platform = fakePlatform(clock, { world: this.world, requireStartable }).platform;
    this.controller = startController({
      store: this.store,
      meter: this.meter,
      targets: [{ target: localTarget, platform: this.platform }],
      platforms: noPlatforms,
      clock,
      log: silentLog,
      images: {
        ...images,
        has: async (image) => !this.world.missingImages.has(image),
        signers: async (image, keys) =>
          (this.signers.get(image) ?? []).filter((id) => keys.some(({ keyId }) => keyId === id)),
        requireVersion: async (service, version, image) => {
          const named = this.versions.get(`${service}:${version}`) ?? image;
          if (named !== image) throw new KilnError("version_taken", `${service}:${version} is ${named}.`);
        },
      },
      self: { pid: 1, version: "0.0.0", home: this.folder, installation: "here" },
      onShutdown: () => {},
    });
  }

  async stop(): Promise<void> {
    await this.controller.close();
    await this.platform[Symbol.asyncDispose]();
    this.store.close();
  }

  async status(): Promise<ServiceStatus> {
    return this.controller.status({ service: "shop" });
  }

  deploy(number: number, overrides: Partial<DeployRequest> = {}, by = anAsker("ada@example")) {
    const request = {
      service: "shop",
      count: 3,
      draft: { ...draftOf(aRelease(number)), files: [] },
      policy: aPolicy(),
      ...overrides,
    };
    return this.controller.deploy(request, by);
  }

  /** Lets time pass until no rollout runs. */
  async settled(): Promise<ServiceStatus> {
    await this.clock.until(async () => (await this.status()).rollout === undefined, 30 * 60_000);
    return this.status();
  }

  async deployed(number: number, overrides: Partial<DeployRequest> = {}): Promise<ServiceStatus> {
    await this.deploy(number, overrides);
    return this.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}
