/**
 * Which results of operations may become copies. A value that was read before a change of its key, and arrives after the change
 * was announced, must not. It does no I/O and reads no clock.
 */

/** An operation on a key that is on its way. */
export interface Ticket {
  readonly key: string;
  readonly isWrite: boolean;
  /** The number of announcements of everything when it began. */
  readonly generation: number;
  /** Whether the key may have changed since it began. */
  spoiled: boolean;
  /** Whether the change that it makes was announced already. */
  announced: boolean;
}

/** The most keys whose announcement is awaited: of further ones, the copies end with it. */
const MOST_AWAITED = 10_000;

export class Admission {
  #generation = 0;
  readonly #open = new Map<string, Set<Ticket>>();
  /** Keys whose copies are of a write that has succeeded, and was not announced yet. */
  readonly #awaited = new Set<string>();

  /** An operation begins. A write spoils what is under way for its key, and is spoiled by another write. */
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
   * A change of the key by this client was announced. Returns whether that is the one announcement of a write whose outcome is
   * known; if not, it may be that of a request which was given up, and was carried out later.
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

  /** The key was changed by somebody else. */
  changed(key: string): void {
    this.#awaited.delete(key);
    for (const ticket of this.#open.get(key) ?? []) {
      ticket.spoiled = true;
    }
  }

  /** Every key may have changed. */
  allChanged(): void {
    this.#generation++;
    this.#awaited.clear();
  }

  /** Whether nothing has changed the key since the operation began, as far as is known. */
  isClean({ spoiled, generation }: Ticket): boolean {
    return !spoiled && generation === this.#generation;
  }

  /** The operation has failed, or is given up: it may be carried out later. */
  abandon(ticket: Ticket): void {
    ticket.spoiled = true;
    this.end(ticket);
  }

  /** The operation has ended. Returns whether its result may become a copy. */
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
