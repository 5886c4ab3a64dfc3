/** The forms in which the engine may run, in the order in which they are tried. What needs an engine comes with one. */

import type { Form } from "./form.js";

export const forms: Form[] = [];

/**
 * Returns `of`, which runs on an engine in this form. WebAssembly is tried first, wherever a program asks for it.
 *
 * The entries of the package call it for each class and function that needs an engine, so that a bundle has the forms that it
 * imports, and none if it needs none.
 */
export function inForm<T>(form: Form, of: T): T {
  if (!forms.includes(form)) {
    forms[form.name === "wasm" ? "unshift" : "push"](form);
  }
  return of;
}
