import type { ServiceKey } from "../../domain/ids.ts";
import type { ServiceWarning } from "../../domain/observation.ts";
import { shortCommit } from "../../domain/source.ts";
import type { Store } from "../../store/store.ts";

/** For `kiln status`: a repository that is not followed now. */
export function sourceWarnings(store: Store, service: ServiceKey): readonly ServiceWarning[] {
  const source = store.sources.all().find((one) => one.service === service);
  if (source === undefined) return [];
  const { hold, failing } = source;
  if (hold !== undefined) {
    return [
      {
        service,
        message: `${service} does not follow its repository: ${hold.by} ${hold.because}.`,
        hint: `\`kiln source resume ${service}\` lets it follow again.`,
      },
    ];
  }
  if (failing === undefined) return [];
  const what = failing.commit === undefined ? "" : ` Commit ${shortCommit(failing.commit)} is not deployed.`;
  return [
    {
      service,
      message: `${failing.message}${what}`,
      hint: `\`kiln source show ${service}\` shows more; Kiln tries again by itself.`,
    },
  ];
}
