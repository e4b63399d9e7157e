import { openStateFolder } from "../../lib/state-folder.ts";
import { AttributeError } from "../../terraform-provider/diagnostics.ts";
import type { Offered, Provider } from "../../terraform-provider/provider.ts";
import { textOf, type Values } from "../../terraform-provider/values.ts";
import { createConnect, createRemote } from "../connect.ts";
import type { Context } from "../context.ts";
import { Output } from "../output/output.ts";
import type { Sink } from "../output/sink.ts";
import { imageSource } from "./image.ts";
import { serviceResource } from "./service.ts";
import { targetResource } from "./target.ts";

/** The provider `kiln`. Progress goes to `log`: standard output belongs to the handshake. */
export function kilnProvider(context: Context, log: Sink): Provider {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const output = new Output({ json: false, env: {}, stdout: log, stderr: log });
  return {
    schema,
    stop: () => stop.abort(),
    configure: (values) => offered(configured({ ...context, signal, output }, values)),
  };
}

const schema: Provider["schema"] = {
  description: "Services, images and targets of one Kiln controller.",
  attributes: {
    controller: {
      ...{ type: "string", is: "optional" },
      description:
        "The controller: the path of a Unix socket, or `kiln1.ADDRESS.PIN` from within a pipeline. As the environment variable KILN_CONTROLLER, before which it counts.",
    },
    context: {
      ...{ type: "string", is: "optional" },
      description:
        "A context of `kiln context ls`, with the token that it has. As KILN_CONTEXT, before which it counts. Without any, the current context, or this machine's own controller.",
    },
    home: {
      ...{ type: "string", is: "optional" },
      description: "Kiln's state folder on this machine. As KILN_HOME, before which it counts.",
    },
  },
};

/** The environment that commands would have with these values. A controller or context that is given counts before both variables. */
export function environmentWith(env: Context["env"], values: Values): Context["env"] {
  const [controller, name, home] = ["controller", "context", "home"].map((key) => textOf(values, key));
  if (controller !== undefined && name !== undefined)
    throw new AttributeError(
      "context",
      "The provider has a controller and a context: both say which controller is meant.",
      "Leave out one of them.",
    );
  const isNamed = controller !== undefined || name !== undefined;
  return {
    ...env,
    ...(isNamed ? { KILN_CONTROLLER: controller, KILN_CONTEXT: name } : {}),
    ...(home === undefined ? {} : { KILN_HOME: home }),
  };
}

function configured(context: Context, values: Values): Context {
  const env = environmentWith(context.env, values);
  const state = openStateFolder(env);
  const remote = createRemote(env, context.clock);
  const changed = { ...context, env, state, remote };
  return { ...changed, connect: createConnect(changed, state) };
}

function offered(context: Context): Offered {
  const coming = new Set<string>();
  return {
    resources: {
      kiln_service: serviceResource(context, coming),
      kiln_target: targetResource(context, coming),
    },
    dataSources: { kiln_image: imageSource(context) },
  };
}
