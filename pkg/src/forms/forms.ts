/**
 * The forms in which the engine may run, in the order in which they are tried. Anything that needs an engine comes with
 * one.
 */

import type { Form } from "./form.js";

export const forms: Form[] = [];

/**
 * Returns `of`, which runs on an engine in this form. If a program requests WebAssembly, no other form is tried.
 *
 * The entry points of the package call it for each class and function that needs an engine, so a bundle has only the
 * forms that it imports, and none if it needs none.
 */
export function inForm<T>(form: Form, of: T): T {
  if (form.name === "wasm" || forms.length === 0) {
    forms.splice(0, forms.length, form);
  }
  return of;
}
