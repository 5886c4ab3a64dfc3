export * from "../memory-api.js";
