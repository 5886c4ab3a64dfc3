/** The curves of a file of accesses: which hit ratio each policy would have at each size, and the size to choose. */

import { byId, element, setText } from "./dom.js";

/** The worker of the file that is simulated now; another file ends it. */
let worker;
let last;

/** Draws the curves of every file that is chosen or dropped, beside what the replay does with it. */
export function drawCurvesOfFiles() {
  // First, since the settings empty the field, so that the same file can be chosen again.
  byId("file").addEventListener("change", ({ target }) => use(target.files[0]), { capture: true });
  addEventListener("drop", ({ dataTransfer }) => use(dataTransfer?.files[0], dataTransfer?.files.length));
  byId("curves-form").addEventListener("submit", (event) => {
    event.preventDefault();
    use(last);
  });
}

/** `count` is the number of files that were dropped together. Only the first of them is used. */
function use(file, count = 1) {
  if (file === undefined) {
    return;
  }
  last = file;
  worker?.terminate();
  worker = new Worker(new URL("./curves.worker.js", import.meta.url), { type: "module" });
  const own = worker;
  byId("curves").setAttribute("aria-busy", "true");
  setText(byId("curves-state"), `Simulating ${file.name}…`);
  const done = (answer) => {
    if (own === worker) {
      show(file.name, answer);
      if (count > 1) {
        byId("curves-state").append(
          ` It is the first of ${count} files that were dropped; drop the others one at a time.`,
        );
      }
    }
    own.terminate();
  };
  own.addEventListener("message", ({ data }) => done(data));
  own.addEventListener("error", ({ message }) => done({ error: `${file.name}: the simulation failed: ${message}` }));
  own.postMessage({ file, column: byId("curves-column").value, field: byId("curves-field").value });
}

/** Shows an answer of the worker; an error leaves no chart of another file. */
function show(name, { svg, advice = "", summary, error }) {
  byId("curves").setAttribute("aria-busy", "false");
  setText(byId("curves-state"), error ?? `${name}: ${summary}`);
  byId("curves-state").classList.toggle("error", error !== undefined);
  byId("curves-advice").replaceChildren(
    ...advice
      .split("\n")
      .filter(Boolean)
      .map((sentence) => element("li", "", sentence)),
  );
  const chart = svg === undefined ? [] : [new DOMParser().parseFromString(svg, "image/svg+xml").documentElement];
  byId("curves-chart").replaceChildren(...chart);
  byId("curves-form").hidden = false;
}
