import type { ComponentChildren } from "preact";
import { Go } from "../navigation.tsx";

/** The way from the first page to this one, whose name is `children`; through a service's page where there is one above it. */
export function Crumbs({ service, children }: CrumbsProps) {
  return (
    <nav class="crumbs" aria-label="Where this is">
      <Go to={{ view: "now" }}>Now</Go>
      <span aria-hidden="true">/</span>
      {service !== undefined && (
        <>
          <Go to={{ view: "service", service }}>{service}</Go>
          <span aria-hidden="true">/</span>
        </>
      )}
      <span>{children}</span>
    </nav>
  );
}

interface CrumbsProps {
  readonly service?: string;
  readonly children: ComponentChildren;
}
