/** What `isocache/msgpack` offers. */

export { messagePackSerializer } from "./http/msgpack.js";
export type { BinarySerializer } from "./http/serializer.js";
