/**
 * Decides which results may be kept as copies. A value that was read before a change of its key, and arrives after the change
 * was announced, must not be kept. It does no I/O and reads no clock.
 */

/** An operation on a key, in progress. */
export interface Ticket {
  readonly key: string;
  readonly isWrite: boolean;
  /** The number of announcements about all keys before it began. */
  readonly generation: number;
  /** Whether the key may have changed since it began. */
  spoiled: boolean;
  /** Whether its own change has already been announced. */
  announced: boolean;
}

/**
 * The maximum number of own writes that are remembered until they are announced. The announcement of any further write
 * drops its copy.
 */
const MOST_AWAITED = 10_000;

export class Admission {
  #generation = 0;
  readonly #open = new Map<string, Set<Ticket>>();
  /** Keys whose copies come from own writes that have succeeded but have not been announced yet. */
  readonly #awaited = new Set<string>();

  /** Begins an operation. A write spoils the operations in progress on its key, and another write spoils it. */
  begin(key: string, isWrite: boolean): Ticket {
    let open = this.#open.get(key);
    if (open === undefined) {
      open = new Set();
      this.#open.set(key, open);
    }
    let spoiled = false;
    for (const other of open) {
      other.spoiled ||= isWrite;
      spoiled ||= other.isWrite;
    }
    const ticket = { key, isWrite, generation: this.#generation, spoiled, announced: false };
    open.add(ticket);
    return ticket;
  }

  /**
   * Handles the announcement of a change by this client. Returns whether it belongs to a write with a known outcome; if not, it
   * may belong to a request that was given up and carried out later.
   */
  isAwaited(key: string): boolean {
    for (const ticket of this.#open.get(key) ?? []) {
      if (ticket.isWrite && !ticket.announced) {
        ticket.announced = true;
        return true;
      }
    }
    return this.#awaited.delete(key);
  }

  /** Handles a change of the key by another client. */
  changed(key: string): void {
    this.#awaited.delete(key);
    for (const ticket of this.#open.get(key) ?? []) {
      ticket.spoiled = true;
    }
  }

  /** Handles the announcement that every key may have changed. */
  allChanged(): void {
    this.#generation++;
    this.#awaited.clear();
  }

  /** Whether the key is not known to have changed since the operation began. */
  isClean({ spoiled, generation }: Ticket): boolean {
    return !spoiled && generation === this.#generation;
  }

  /** Ends an operation that failed or was given up: it may be carried out later. */
  abandon(ticket: Ticket): void {
    ticket.spoiled = true;
    this.end(ticket);
  }

  /** Ends an operation. Returns whether its result may be kept as a copy. */
  end(ticket: Ticket): boolean {
    const open = this.#open.get(ticket.key);
    open?.delete(ticket);
    if (open?.size === 0) {
      this.#open.delete(ticket.key);
    }
    const isClean = this.isClean(ticket);
    if (isClean && ticket.isWrite && !ticket.announced && this.#awaited.size < MOST_AWAITED) {
      this.#awaited.add(ticket.key);
    }
    return isClean;
  }
}
