import "./load-workerd.js";

export * from "../memory-api.js";
