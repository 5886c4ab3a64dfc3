/** Common key patterns. */

import { keyPattern } from "./pattern.js";

/**
 * Common key patterns. Rust's `isocache::keys` has the same.
 *
 * ```js
 * import { keys } from "isocache";
 *
 * keys.user({ id: 7 }); // "user:7"
 * keys.userList.glob(); // "user_list:*"
 * keys.rate.glob({ ip: "10.0.0.7" }); // "rate:10.0.0.7:*"
 * ```
 */
export const keys = {
  /** One user, by id. */
  user: /* @__PURE__ */ keyPattern("user:{id}"),
  /** A list of users, by a hash of its page, filter and the like. */
  userList: /* @__PURE__ */ keyPattern("user_list:{hash}"),
  /** A session, by its token. */
  session: /* @__PURE__ */ keyPattern("session:{token}"),
  /** The requests of one address to one endpoint. */
  rate: /* @__PURE__ */ keyPattern("rate:{ip}:{endpoint}"),
} as const;
