import { isDevice } from "../../../domain/access/places.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText } from "../../output/text.ts";

interface ReasonOptions {
  readonly reason?: string;
}

export async function allow(context: Context, { reason }: ReasonOptions, place: string): Outcome {
  await (await context.connect()).allowPlace({ place, reason });
  if (isDevice(place)) {
    context.output.result({ place }, [
      `Anyone who may deploy can give servers this device from now on: ${plainText(place)}`,
      "  `servers.devices` in kiln.yaml names it. `kiln access ls` lists all such places.",
    ]);
    return 0;
  }
  const what = place.startsWith("/") ? "this file" : "what is below this URL";
  const noDevice = place.startsWith("/dev/")
    ? ["  It allows no device: each needs its whole path, such as /dev/ttyUSB0."]
    : [];
  context.output.result({ place }, [
    `Requests over the network may name ${what} from now on: ${plainText(place)}`,
    "  The controller reads it for anyone who may deploy. `kiln access ls` lists all such places.",
    ...noDevice,
  ]);
  return 0;
}

export async function disallow(context: Context, { reason }: ReasonOptions, place: string): Outcome {
  await (await context.connect()).disallowPlace({ place, reason });
  context.output.result({ place }, [
    isDevice(place)
      ? `No new release gets ${plainText(place)}; servers that have it keep it until they are replaced by another release.`
      : `Requests over the network may no longer name ${plainText(place)}; releases that name it stay as they are.`,
  ]);
  return 0;
}
