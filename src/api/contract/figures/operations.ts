import type { ContractEntry } from "../entry.ts";

/** The part of the table about how services are delivered and run. */
export const figuresTable = {
  /** Also of a service that was removed: its figures are kept. */
  traffic: {
    method: "GET",
    path: "/v1/services/:service/traffic",
    needs: "view service",
    summary: "What each release answered and how many of its servers were ready, by minute or hour.",
    asks: "TrafficBetween",
    answers: "Traffic",
  },
  /** Counters: what happens in a span of time is the difference of two answers. */
  usage: {
    method: "GET",
    path: "/v1/usage",
    needs: "view services",
    summary: "What the servers of each service use and answer, as the platform and the router count it now.",
    asks: "Nothing",
    answers: "Usage",
  },
  /** Throws `service_unknown` for one that has never been. */
  figures: {
    method: "GET",
    path: "/v1/figures",
    needs: "view services",
    summary:
      "How services are delivered and run: DORA's five figures, uptime, drift, ages; each with the events it comes from.",
    asks: "FiguresSince",
    answers: "Figures",
  },
} as const satisfies Record<string, ContractEntry>;
