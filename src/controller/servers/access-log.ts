import type { ServiceKey } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import type { Operations } from "../operations.ts";
import { required } from "../services/queries.ts";
import type { Targets } from "../targets/targets.ts";

interface AccessLogParts {
  readonly store: Store;
  readonly targets: Pick<Targets, "of">;
}

/** For a caller that never ends early. */
const neverAborted = new AbortController().signal;

/** The requests that the router has passed to a service. With `follow` until the service is gone. */
export function createAccessLog({ store, targets }: AccessLogParts): Pick<Operations, "accessLog"> {
  return {
    async *accessLog({ service, ...how }, { signal = neverAborted } = {}) {
      required(store, service);
      const { platform } = targets.of(service);
      if (platform.accessLog === undefined || !keepsOne(store, service)) throw noAccessLog(service);
      const gone = new AbortController();
      using _events = store.subscribe((event) => {
        if (event.service === service && store.desired(service) === undefined) gone.abort();
      });
      yield* platform.accessLog.read(service, how, AbortSignal.any([signal, gone.signal]));
    },
  };
}

function keepsOne(store: Pick<Store, "releases">, service: ServiceKey): boolean {
  return store.releases(service).some(({ traffic }) => traffic?.accessLog);
}

function noAccessLog(service: ServiceKey): KilnError {
  return new KilnError("usage", `${service} has no access log: no release of it asks for one.`, {
    hint: "Write `accessLog: true` in `traffic` of kiln.yaml, and deploy.",
  });
}
