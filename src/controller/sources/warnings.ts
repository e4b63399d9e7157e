import type { ServiceKey } from "../../domain/ids.ts";
import type { ServiceWarning } from "../../domain/observation.ts";
import { sourceTrouble } from "../../domain/source.ts";
import type { Store } from "../../store/store.ts";

/** For `kiln status`: a repository that is not followed now. */
export function sourceWarnings(store: Store, service: ServiceKey): readonly ServiceWarning[] {
  const source = store.sources.find(service);
  const trouble = source && sourceTrouble(source);
  return trouble === undefined ? [] : [{ service, ...trouble }];
}
