import type { z } from "zod";
import type { Actor } from "../../domain/access/actor.ts";
import type { Frozen } from "../../domain/frozen.ts";
import type { table } from "./contract.ts";
import type { answers, asks } from "./shapes.ts";

type Table = typeof table;
export type OperationName = keyof Table;

/** The one argument of an operation. */
export type Asked<Name extends OperationName> = Frozen<z.output<(typeof asks)[Table[Name]["asks"]]>>;

type AnswerNamed<Name> = Name extends keyof typeof answers ? Frozen<z.output<(typeof answers)[Name]>> : never;

/** What an operation resolves to, or each item of what it streams. */
export type Answer<Name extends OperationName> = Table[Name] extends { readonly answers: infer Given }
  ? AnswerNamed<Given>
  : Table[Name] extends { readonly items: infer Item }
    ? AnswerNamed<Item>
    : never;

type Result<Name extends OperationName> = Table[Name] extends { readonly items: string }
  ? AsyncIterable<Answer<Name>>
  : Table[Name] extends { readonly answers: string }
    ? Promise<Answer<Name>>
    : Promise<void>;

/** How a call ends early. */
interface How {
  /** Fires when the client no longer waits for the answer. A stream that follows ends then, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** What the transport says of a request that may change something. */
export interface Who extends How {
  /** From what the transport can prove. */
  readonly actor: Actor;
}

/** Everything that can be asked of a controller. */
export type Operations = {
  readonly [Name in OperationName]: Table[Name] extends
    | { readonly method: "POST" }
    | { readonly byWhom: true }
    ? (asked: Asked<Name>, who: Who) => Result<Name>
    : (asked: Asked<Name>, how?: How) => Result<Name>;
};

/** The operations of a part of the table. */
export type OperationsOf<Part> = Pick<Operations, keyof Part & OperationName>;

/** Arguments for each operation of a part of the table. */
export type AskedOf<Part> = { readonly [Name in keyof Part & OperationName]: readonly Asked<Name>[] };

/** The same from another process: the controller sees who asks. */
export type Client = {
  readonly [Name in OperationName]: Record<never, never> extends Asked<Name>
    ? (asked?: Asked<Name>, how?: How) => Result<Name>
    : (asked: Asked<Name>, how?: How) => Result<Name>;
};
