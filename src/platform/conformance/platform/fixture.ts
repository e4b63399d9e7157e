import { test } from "vitest";
import { Conversation } from "./conversation.ts";
import type { PlatformSubject } from "./subject.ts";

export type PlatformTest = ReturnType<typeof platformTest>;

/** Tests that get a subject of their own, which is gone when they end. */
export function platformTest(open: () => Promise<PlatformSubject>) {
  return test.extend<{ readonly subject: PlatformSubject; readonly world: Conversation }>({
    subject: async ({ task: _ }, use) => {
      const subject = await open();
      try {
        await use(subject);
      } finally {
        await subject.cleanup();
      }
    },
    world: async ({ subject }, use) => use(new Conversation(subject)),
  });
}
