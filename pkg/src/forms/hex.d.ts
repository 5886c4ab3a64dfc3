/** The wasm in hexadecimal; written by the build. */
declare const hex: string;
export default hex;
