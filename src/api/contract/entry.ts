import type { Need } from "../../domain/access/access.ts";
import type { answers, asks } from "./shapes.ts";

/** One operation: what it is asked with, what it answers, and where a transport finds it. */
export interface ContractEntry {
  readonly method: "GET" | "POST";
  /** `:name` is a field of the argument. The others are the query of a GET, the JSON body of a POST. */
  readonly path: string;
  /** Who may ask for it over the network. */
  readonly needs: Need;
  /** A GET whose operation needs to know who asks. */
  readonly byWhom?: true;
  /** One sentence, for OpenAPI. */
  readonly summary: string;
  readonly asks: keyof typeof asks;
  /** Absent, and no `items`: it answers nothing (status 204). */
  readonly answers?: keyof typeof answers;
  /** It answers with a stream of server-sent events, each with one of these as its data. */
  readonly items?: keyof typeof answers;
}
