/** The entries of the package, and the small files that lead to what the build makes of them. */

/**
 * `source` is the module in `src/entries/`, `form` that of the engine in its ES module, a file of `src/forms/`. An entry with
 * `own` shares nothing with the others: it is bundled alone for `require`, too.
 */
export const ENTRIES = {
  index: { source: "index", form: "js" },
  memory: { source: "memory", form: "js" },
  http: { source: "http" },
  msgpack: { source: "msgpack", own: true },
  js: { source: "index", form: "js" },
  wasm: { source: "index", form: "wasm" },
};

/** The forms of the engine in CommonJS, by entry, in the order in which they are tried. Each is a file that is loaded when needed. */
const REQUIRED_FORMS = { index: ["wasm", "js"], js: ["js"], wasm: ["wasm"] };

/** For Node's analysis of CommonJS, which does not run the code: the names that a file exports. */
export const hint = (names) => `0 && (module.exports = { ${names.join(", ")} });\n`;

/** The CommonJS file of an entry. `core.cjs` has the code of all entries, as a function of the forms. */
export function commonJs(name, names) {
  if (name in REQUIRED_FORMS) {
    const forms = REQUIRED_FORMS[name].map(
      (form) => `  { name: "${form}", instantiate: () => require("./engine-${form}.cjs")() },\n`,
    );
    return `"use strict";\nmodule.exports = require("./core.cjs")([\n${forms.join("")}]);\n${hint(names)}`;
  }
  const list = names.map((one) => `  ${one}: isocache.${one},\n`).join("");
  return `"use strict";\nconst isocache = require("./index.cjs");\nmodule.exports = {\n${list}};\n${hint(names)}`;
}

/** Marks the name of what has no engine yet, in the entry that shares its code with another form. */
const BARE = "$";

/** The source of an ES module: the names of `from`, those in `needing` with an engine in a form. */
export function inForm(form, from, names, needing) {
  const bare = from.endsWith(".ts") ? "" : BARE;
  const plain = names.filter((name) => !needing.includes(name));
  return [
    `import { form } from "./src/forms/${form}.ts";`,
    ...(bare === ""
      ? [`import { inForm } from "./src/forms/forms.ts";`, `export { inForm as ${BARE}inForm };`]
      : [`import { ${BARE}inForm as inForm } from "${from}";`]),
    `export { ${plain.join(", ")} } from "${from}";`,
    ...needing.flatMap((name) => [
      `import { ${bare}${name} as bare${name} } from "${from}";`,
      `const own${name} = /* @__PURE__ */ inForm(form, bare${name});`,
      `export { own${name} as ${name}${bare === "" ? `, bare${name} as ${BARE}${name}` : ""} };`,
    ]),
  ].join("\n");
}

/** An ES module with names of another file. */
export const reexported = (names, file) => `export { ${names.join(", ")} } from "./${file}";\n`;

/** The package.json of a folder with the name of an entry, for tools that do not read the `exports` of the package. */
export function folder(name, target) {
  const file = (path) => `../dist/${path}`;
  const module = file(target.slice(target.lastIndexOf("/") + 1));
  const fields = { main: file(`${name}.cjs`), module, "react-native": module, types: file(`${name}.d.ts`) };
  return `${JSON.stringify({ private: true, ...fields }, null, 2)}\n`;
}
