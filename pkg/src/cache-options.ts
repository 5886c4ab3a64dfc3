import type { Provider } from "./provider.js";
import type { MemoryCacheOptions, Ttl } from "./types.js";

/** Options of a `Cache`: those of the `MemoryCache` that it makes, or a provider. */
export type CacheOptions<V> =
  | (MemoryCacheOptions<V> & { provider?: undefined; namespace?: string | undefined })
  | {
      /** The provider that keeps the entries. */
      provider: Provider<V>;
      /** The prefix of every key, followed by a `:`. Default: none. */
      namespace?: string | undefined;
      /** The ttl of entries that are written without one, in **seconds** or with a unit. Default: the provider's. */
      ttl?: Ttl | null | undefined;
    };
