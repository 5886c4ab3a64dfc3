export * from "../msgpack-api.js";
