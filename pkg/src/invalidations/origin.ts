/** Who requests are from, so that a client can tell the announcements of its own writes. */

export class Origin {
  #id: string | undefined;

  /** The present name, which no other client has. Made when it is needed: edge workers have no random numbers before. */
  get id(): string {
    this.#id ??= Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");
    return this.#id;
  }

  /** A request has failed that may be carried out later: what is announced of it then must not count as known. */
  renew(): void {
    this.#id = undefined;
  }
}
