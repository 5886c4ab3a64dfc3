/** Announcements of changed keys, and where they come from. */

/** What a source announces. `age` is how old the knowledge was when it arrived, in **milliseconds**; 0 if it was sent at once. */
export type Invalidation =
  /**
   * The source is connected, and announces every change after `position`. With `resumed` it continues where it was: what was
   * missed comes next. Without, changes may have been missed. From now on, each announcement vouches for `validFor`
   * **milliseconds**.
   */
  | {
      readonly type: "hello";
      readonly position: string;
      readonly resumed: boolean;
      readonly validFor: number;
      readonly age: number;
    }
  /** These keys were written, deleted or evicted, or have expired. Those in `own` were last changed by this client itself. */
  | {
      readonly type: "keys";
      readonly keys: readonly string[];
      readonly own: readonly string[];
      readonly position: string;
      readonly age: number;
    }
  /** Every key may have changed: the store was emptied. */
  | { readonly type: "all"; readonly position: string; readonly age: number }
  /** Changes were missed: every copy is to be dropped. */
  | { readonly type: "reset"; readonly position: string; readonly age: number }
  /** Everything up to here was announced. */
  | { readonly type: "heartbeat"; readonly position: string; readonly age: number }
  /** The connection is lost, or could not be made; the source tries again by itself. */
  | { readonly type: "lost"; readonly error: unknown };

/** What a source tells its announcements to. */
export type InvalidationListener = (event: Invalidation) => void;

/** A running source. */
export interface InvalidationSubscription {
  /** Ends it. A second call does nothing. */
  close(): void;
  /**
   * Asks for what was missed, in a source that has to ask. Resolves when it was announced, or `lost` was; never rejects.
   * A caller may wait for it before it serves a copy.
   */
  check?(): Promise<void>;
}

/**
 * Where announcements of changed keys come from: an `HttpInvalidations`, or an object of your own. Keys are those of the provider
 * whose changes it announces. After a silence of `validFor`, only another `hello` makes copies good again.
 */
export interface InvalidationSource {
  /** Begins to announce changes. Each call begins a subscription of its own. */
  listen(listener: InvalidationListener): InvalidationSubscription;
}
