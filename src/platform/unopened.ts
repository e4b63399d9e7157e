import type { Target } from "../domain/target.ts";
import { KilnError } from "../lib/errors.ts";
import type { Platform } from "./contract/platform.ts";

/** In place of a platform that could not be opened, because an older Kiln does not know it for one: every call fails with the reason. */
export function unopenedPlatform({ platform }: Target, reason: KilnError): Platform {
  const fail = () => Promise.reject(reason);
  return {
    name: platform,
    split: "any",
    probe: async () => ({
      usable: false,
      gaps: [
        {
          what: reason.message,
          remedy: reason.hint ?? "Remove the target and add it again.",
          severity: "fatal",
        },
      ],
      facts: [],
    }),
    ...{ observe: fail, resize: fail, route: fail, retire: fail, destroy: fail, preflight: fail },
    watch: () => ({ [Symbol.dispose]: () => {} }),
  };
}

/** In place of a machine that the controller does not have: no server has ever run there, and none can. */
export function absentPlatform(target: Target): Platform {
  const reason = new KilnError(
    "platform_unusable",
    "This controller has no machine of its own for servers: it runs in a pod.",
    { hint: "Name another target in kiln.yaml (`target: NAME`); `kiln target ls` lists them." },
  );
  return { ...unopenedPlatform(target, reason), observe: async () => ({ groups: [], routed: [] }) };
}
