import type { Source } from "./source.ts";

/** The image that a channel of this installation names: `channel:shop/stable`. kiln.lock pins its digest. */
export const channel: Source<{ readonly kind: "channel"; readonly service: string; readonly name: string }> =
  {
    pattern: "channel:[a-z][a-z0-9-]*/[a-z][a-z0-9-]*",
    parse: (text) => {
      const [service = "", name = ""] = text.slice("channel:".length).split("/");
      return { kind: "channel", service, name };
    },
    hint: (text) =>
      /^channel(:|$)/.test(text) ? "Write `channel:SERVICE/NAME`, such as `channel:base/stable`." : undefined,
    bringsCommand: true,
    takesPackages: false,
    runsSteps: false,
    open: async (base, call) => (await import("./channel-base.ts")).openChannelBase(base, call),
  };
