import { strict as assert } from "node:assert";
import type { Prober } from "../../../src/platform/fleet/health/prober.ts";
import type { Host } from "../../../src/platform/fleet/host.ts";
import { previewedBy } from "../../../src/router/preview-key.ts";
import type { Router } from "../../../src/router/router.ts";
import type { WorldCall } from "../faults.ts";
import { type Seams, through } from "../seams.ts";
import type { FleetReferee } from "./fleet-referee.ts";

/** What stands between a fleet and its host, its router and its servers. */
export type FleetSeams = Seams<FleetReferee>;

export function seamHost(host: Host, seams: FleetSeams): Host {
  const { referee, life } = seams;
  const call = (operation: string, subject?: string): WorldCall => ({ part: "host", operation, subject });
  return {
    ...host,
    list: (c) => through(seams, call("list"), c.signal, () => host.list(c)),
    create: (server, c) => {
      referee.onCreate(server, life);
      referee.knowledge.machine.meet(server.release);
      // A controller that is killed while it creates leaves half of a server behind.
      const signal = AbortSignal.any([c.signal, life.cut]);
      return through(seams, call("create", server.id), c.signal, () => host.create(server, { ...c, signal }));
    },
    retire: (id, c) => through(seams, call("retire", id), c.signal, () => host.retire(id, c)),
    stop: (id, graceMs, c) => {
      referee.onStop(id, "stop", life);
      return through(seams, call("stop", id), c.signal, () => host.stop(id, graceMs, c));
    },
    destroy: (id, c) => {
      referee.onStop(id, "destroy", life);
      return through(seams, call("destroy", id), c.signal, () => host.destroy(id, c));
    },
    runJob: (job, c) => {
      referee.onRunJob(job, life);
      const { runJob } = host;
      assert(runJob !== undefined, "the fake host runs jobs");
      const signal = AbortSignal.any([c.signal, life.cut]);
      return through(seams, call("create", job.id), c.signal, () => runJob(job, { ...c, signal }));
    },
    quarantine: (id, reason, c) => {
      referee.onFreeze(id, life);
      return through(seams, call("quarantine", id), c.signal, () => host.quarantine(id, reason, c));
    },
    check: (release, c) =>
      through(seams, call("check", release.service), c.signal, () => host.check(release, c)),
    prepare: (release, c) =>
      through(seams, call("prepare", release.service), c.signal, () => host.prepare(release, c)),
    watch: (ended) => host.watch((id) => !life.isOver && ended(id)),
  };
}

export function seamRouter(router: Router, seams: FleetSeams): Router {
  const { referee, life } = seams;
  const { machine } = referee.knowledge;
  const call = (operation: string, subject?: string): WorldCall => ({ part: "router", operation, subject });
  const changing = (service: string, operation: string, signal: AbortSignal, work: () => Promise<void>) =>
    through(seams, call(operation, service), signal, async () => {
      const before = machine.takers(service);
      await work();
      if (previewedBy(service) === undefined) machine.trafficChanged(service, before);
    });
  return {
    ...router,
    observe: (o) => through(seams, call("observe"), o.signal, () => router.observe(o)),
    apply: (routed, o) => {
      referee.onApply(routed, life);
      return changing(routed.service, "apply", o.signal, () => router.apply(routed, o));
    },
    remove: (service, o) => {
      referee.onRemove(service, life);
      return changing(service, "remove", o.signal, () => router.remove(service, o));
    },
    open: (service, id, o) =>
      through(seams, call("open", service), o.signal, () => router.open(service, id, o)),
    counts: (service, o) =>
      through(seams, call("counts", service), o.signal, () => {
        if (service !== undefined) machine.countRequests(service);
        return router.counts(service, o);
      }),
    check: (service, frontends, o) =>
      through(seams, call("check", service), o.signal, () => router.check(service, frontends, o)),
  };
}

export function seamProber(prober: Prober, { life, referee }: FleetSeams): Prober {
  return {
    probe: async (target, signal) => {
      if (life.isOver) return life.never();
      const result = await prober.probe(target, signal);
      if (life.isOver) return life.never();
      if (!signal.aborted) referee.onProbe(target.id, result.ok, life);
      return result;
    },
  };
}
