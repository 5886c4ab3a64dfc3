/** The wasm as workerd imports it; written by the build. */
declare const module: WebAssembly.Module;
export default module;
