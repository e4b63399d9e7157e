import type { Source } from "./source.ts";

/** An OCI image layout: `oci:PATH#REF`, with REF as the layout's annotation `org.opencontainers.image.ref.name` allows it. */
export const oci: Source<{ readonly kind: "oci"; readonly path: string; readonly ref: string | undefined }> =
  {
    pattern: "oci:[^#]+(?:#[A-Za-z0-9][A-Za-z0-9._:@/+-]*)?",
    parse: (text) => {
      const [path = "", ref] = text.slice("oci:".length).split("#");
      return { kind: "oci", path, ref };
    },
    hint: (text) => {
      if (/^oci(:|$)/.test(text))
        return "Write `oci:PATH`, or `oci:PATH#REF` to pick one of several images, where REF is a name or a digest.";
      if (/^(\.?\/)/.test(text)) return `Write \`oci:${text}\` for an image layout at that path.`;
      return undefined;
    },
    bringsCommand: true,
    takesPackages: false,
    runsSteps: false,
    open: async (base, call) => (await import("./layout/oci-layout.ts")).openOciLayout(base, call),
  };
