/** Helpers for the document. Text from outside goes in as text, never as markup. */

export const byId = (id) => document.getElementById(id);

/** Sets a text if it is another, so that nothing is announced or laid out again without need. */
export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

export function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}
