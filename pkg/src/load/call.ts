/** One call of `getOrSet` or of a cached function. */

import type { Provider } from "../provider.js";
import type { Events } from "./events.js";
import type { Loader } from "./options.js";
import type { Settings } from "./settings.js";
import type { SingleFlight } from "./single-flight.js";

/** The parameters of a call. */
export interface Call<V> {
  readonly provider: Provider<V>;
  readonly flights: SingleFlight;
  /** The key with all namespaces. */
  readonly key: string;
  readonly loader: Loader<V>;
  readonly settings: Settings<V>;
  /** The ttl of values that are stored without one, in milliseconds; `undefined` means that of the provider. */
  readonly ttl: number | undefined;
  /** The tags of the value. They need a provider with tags. */
  readonly tags: (() => readonly string[]) | undefined;
  /** The listeners. */
  readonly events: Events | undefined;
}

/** The result of a lookup. */
export interface Found<V> {
  value: V | undefined;
  /** How long it stays fresh, in milliseconds; 0 or less if it is stale. `Infinity` if its age does not matter. */
  freshFor: number;
  /** Whether the provider failed. */
  failed?: boolean;
}
