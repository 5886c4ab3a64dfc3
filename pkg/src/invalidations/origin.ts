/** The origin of requests, so that a client can recognize the announcements of its own writes. */

import { uniqueName } from "../random.js";

export class Origin {
  #id: string | undefined;

  /** The current name, unique to this client. Created when it is needed: edge workers have no random numbers before. */
  get id(): string {
    this.#id ??= uniqueName();
    return this.#id;
  }

  /** Called when a request has failed that may still be executed: an announcement of it must not count as known. */
  renew(): void {
    this.#id = undefined;
  }
}
