import { useState } from "preact/hooks";
import { wishFor } from "../plan/change.ts";

/** Another number of servers: its button shows the plan. */
export function ScaleForm({ service, count }: { readonly service: string; readonly count: number }) {
  const [wanted, setWanted] = useState<string>();
  const value = Number(wanted ?? count);
  const isNumber = Number.isInteger(value) && value >= 0 && wanted !== "";
  return (
    <form
      class="scale"
      onSubmit={(event) => {
        event.preventDefault();
        if (isNumber) wishFor(service, { kind: "scale", count: value });
      }}
    >
      <label>
        Servers{" "}
        <input
          type="number"
          min="0"
          max="1000"
          value={wanted ?? count}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={!isNumber || value === count}>
        Scale…
      </button>
    </form>
  );
}
