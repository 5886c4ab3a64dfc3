import "./load-inline.js";

export * from "../memory-api.js";
