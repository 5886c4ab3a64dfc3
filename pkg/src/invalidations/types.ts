/** Announcements of changed keys, and their sources. */

/**
 * An announcement of a source. `age` is how old the information was when it arrived, in **milliseconds**; 0 if it was
 * sent at once.
 */
export type Invalidation =
  /**
   * The source is connected, and announces every change after `position`. With `resumed` it continues where it was, and
   * missed changes come next. Without it, changes may have been missed. From now on, each announcement is valid for
   * `validFor` **milliseconds**.
   */
  | {
      readonly type: "hello";
      readonly position: string;
      readonly resumed: boolean;
      readonly validFor: number;
      readonly age: number;
    }
  /** These keys were written, deleted or evicted, or have expired. Those in `own` were last changed by this client. */
  | {
      readonly type: "keys";
      readonly keys: readonly string[];
      readonly own: readonly string[];
      readonly position: string;
      readonly age: number;
    }
  /** Every key may have changed: the store was emptied. */
  | { readonly type: "all"; readonly position: string; readonly age: number }
  /** Changes were missed: drop every copy. */
  | { readonly type: "reset"; readonly position: string; readonly age: number }
  /** Everything up to here has been announced. */
  | { readonly type: "heartbeat"; readonly position: string; readonly age: number }
  /** The connection is lost, or could not be made. The source retries by itself. */
  | { readonly type: "lost"; readonly error: unknown };

/** A listener for announcements. */
export type InvalidationListener = (event: Invalidation) => void;

/** A running source. */
export interface InvalidationSubscription {
  /** Ends it. A second call does nothing. */
  close(): void;
  /**
   * Polls for missed changes, in a source that polls. Resolves when they or `lost` have been announced; never rejects.
   * A caller may wait for it before it serves a copy.
   */
  check?(): Promise<void>;
}

/**
 * A source of announcements of changed keys: an `HttpInvalidations`, or your own object. Keys are those of the provider
 * whose changes it announces. After a silence of `validFor`, only another `hello` makes copies valid again.
 */
export interface InvalidationSource {
  /** Begins to announce changes. Each call begins a separate subscription. */
  listen(listener: InvalidationListener): InvalidationSubscription;
}
