/** The exports of `crates/wasm`, where they are described. */
export function transfer(): number;

export class Slots {
  constructor(maxEntries: number, maxWeight: number);
  removals(): number;
  removed(): number;
  clear_removals(): void;
  replay(logged: number): void;
  insert(logged: number, weight: number, deadline: number, now: number): number;
  update(logged: number, slot: number, weight: number, deadline: number, now: number): number;
  remove(logged: number, slot: number, expired: boolean): void;
  sweep(logged: number, now: number, budget: number): void;
  set_deadline(logged: number, slot: number, deadline: number): boolean;
  keep_stale(slot: number, end: number): boolean;
  deadline(slot: number): number;
  end(slot: number): number;
  next_due(): number;
  set_limits(logged: number, maxEntries: number, maxWeight: number, now: number): void;
  clear(logged: number): void;
  newest(): number;
  older(slot: number): number;
  count(of: number): number;
  free(): void;
}

export function glob_matches(pattern: string, key: string): boolean;

export function initSync(options: { module: WebAssembly.Module | Uint8Array }): { memory: WebAssembly.Memory };
