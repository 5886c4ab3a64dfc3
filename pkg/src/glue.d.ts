/** The exports of `crates/wasm`, where they are described. */
export class Slots {
  constructor(maxEntries: number, maxWeight: number, isS3Fifo: boolean);
  removals(): number;
  removed(): number;
  clear_removals(): void;
  header(): number;
  refill(): void;
  insert(weight: number, deadline: number, now: number, isBack: boolean): number;
  update(slot: number, weight: number, deadline: number, now: number): number;
  remove(slot: number, expired: boolean): void;
  sweep(now: number, budget: number): void;
  set_deadline(slot: number, deadline: number): boolean;
  keep_stale(slot: number, end: number): boolean;
  deadline(slot: number): number;
  end(slot: number): number;
  next_due(): number;
  set_limits(maxEntries: number, maxWeight: number, now: number): void;
  clear(): void;
  order(): number;
  forget_order(): void;
  count(of: number): number;
  free(): void;
}

export function glob_matches(pattern: string, key: string): boolean;

/** What the engine imports from the glue, and what the glue calls of the engine. */
export type Instantiate = (imports: WebAssembly.Imports) => object;

/** Starts the engine, and returns its memory. A memory that has grown has another buffer. */
export function start(instantiate: Instantiate): { readonly buffer: ArrayBuffer };
