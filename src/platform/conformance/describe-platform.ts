import { describe } from "vitest";
import { failureTests } from "./platform/failures.ts";
import { platformTest } from "./platform/fixture.ts";
import { groupTests } from "./platform/groups.ts";
import { jobTests } from "./platform/jobs.ts";
import { quarantineTests } from "./platform/quarantine.ts";
import type { PlatformSubject } from "./platform/subject.ts";
import { trafficTests } from "./platform/traffic.ts";

/**
 * Every promise of the Platform contract, as a test. `concurrent`: several at a time, each with a subject of its own, where they wait for their
 * platform more than they work.
 */
export function describePlatform(
  name: string,
  open: () => Promise<PlatformSubject>,
  { concurrent = false }: { readonly concurrent?: boolean } = {},
): void {
  const test = platformTest(open);
  describe(`${name} keeps the platform contract`, { concurrent }, () => {
    groupTests(test);
    trafficTests(test);
    quarantineTests(test);
    jobTests(test);
    failureTests(test);
  });
}
