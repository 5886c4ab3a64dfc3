/** The exports of `isocache/msgpack`. */

export { messagePackSerializer } from "./http/msgpack.js";
export type { BinarySerializer } from "./http/serializer.js";
