/** What the person has chosen: the form on the left, and the file. */

import { byId, setText } from "./dom.js";
import { FieldError } from "./errors.js";
import { whole } from "./format.js";
import { FORMATS, parseFile } from "./parse.js";
import { checkWorkload, KINDS } from "./workloads.js";

/** So that a look at the order of all entries stays quick; the package itself takes more. */
const MOST_ENTRIES = 1_000_000;
const MOST_RATE = 1_000_000;

const form = byId("setup");
const { elements } = form;

let file;
let reading = 0;

/** The settings of the cache. Throws a `FieldError`. */
export function readCache() {
  const capacity = readNumber("capacity");
  if (!(Number.isInteger(capacity) && capacity >= 1 && capacity <= MOST_ENTRIES)) {
    throw new FieldError("capacity", `Capacity must be a whole number from 1 to ${whole(MOST_ENTRIES)}.`);
  }
  const rate = readNumber("rate");
  if (!(rate > 0 && rate <= MOST_RATE)) {
    throw new FieldError("rate", `Arrival rate must be a number above 0, up to ${whole(MOST_RATE)}.`);
  }
  const unit = elements.unit.value;
  const ttl = readNumber("ttl");
  if (unit !== "never" && !(ttl > 0)) {
    throw new FieldError("ttl", "TTL must be a number above 0. For entries that do not expire, choose “none”.");
  }
  return { capacity, rate, ttl: unit === "never" ? null : `${ttl}${unit}` };
}

/** The source of the requests, and how to call it. Throws a `FieldError`. */
export function readWorkload() {
  const kind = elements.kind.value;
  if (kind === "file") {
    if (file === undefined) {
      throw new FieldError("file", "Choose a file first, or another workload.");
    }
    const { name, names, ids } = file;
    return { source: { kind, names, ids }, total: ids.length, title: name };
  }
  const source = { kind };
  for (const field of ["keys", "requests", "skew", "seed"]) {
    source[field] = readNumber(field);
  }
  checkWorkload(source);
  const { title, reads } = KINDS[kind];
  return { source, total: source.requests, title: reads.includes("seed") ? `${title}, seed ${source.seed}` : title };
}

/** Shows what is wrong with a setting, at the control if it is known, or that all is well. */
export function showSetupError(error) {
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-errormessage");
  }
  setText(byId("setup-error"), error === undefined ? "" : error.message);
  if (error instanceof FieldError) {
    const control = byId(error.field);
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-errormessage", "setup-error");
    control.focus();
  }
}

export function watchSetup() {
  form.addEventListener("change", showChoices);
  elements.file.addEventListener("change", () => {
    const [chosen] = elements.file.files;
    // So that the same file can be chosen again, after it was changed.
    elements.file.value = "";
    if (chosen) {
      useFile(chosen);
    }
  });
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (on) => document.documentElement.classList.toggle("dropping", on);
  addEventListener("dragover", (event) => {
    if (carriesFiles(event)) {
      event.preventDefault();
      mark(true);
    }
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) {
      mark(false);
    }
  });
  addEventListener("drop", (event) => {
    if (carriesFiles(event)) {
      event.preventDefault();
      mark(false);
      const [dropped] = event.dataTransfer.files;
      if (dropped) {
        useFile(dropped);
      }
    }
  });
  showChoices();
}

/** Reads a file and makes it the workload. If it cannot be used, what was there stays. */
async function useFile(chosen) {
  const mine = ++reading;
  const state = byId("file-state");
  state.setAttribute("aria-busy", "true");
  setText(state, `Reading ${chosen.name}…`);
  let read;
  let problem;
  try {
    read = await parseFile(chosen);
  } catch (error) {
    problem = error;
  }
  if (mine !== reading) {
    return;
  }
  state.removeAttribute("aria-busy");
  showSetupError(problem);
  if (read) {
    file = read;
    elements.kind.value = "file";
    showChoices();
  }
  setText(state, file === undefined ? "No file yet." : describe(file));
}

function describe({ name, format, names, ids, skipped, firstSkipped }) {
  const parts = [
    `${name}: ${whole(ids.length)} requests for ${whole(names.length)} keys.`,
    `Read as ${FORMATS[format]}.`,
  ];
  if (skipped > 0) {
    const [lines, are] = skipped === 1 ? ["line", "was"] : ["lines", "were"];
    parts.push(
      `${whole(skipped)} ${lines} without a request ${are} skipped, the first is line ${whole(firstSkipped)}.`,
    );
  }
  return parts.join(" ");
}

/** Shows the controls that the choices need, and takes the others out of the way. */
function showChoices() {
  const kind = elements.kind.value;
  const fromFile = kind === "file";
  byId("generated").hidden = fromFile;
  byId("from-file").hidden = !fromFile;
  elements.ttl.disabled = elements.unit.value === "never";
  if (!fromFile) {
    setText(byId("kind-text"), KINDS[kind].text);
    for (const field of ["keys", "skew", "seed"]) {
      elements[field].disabled = !KINDS[kind].reads.includes(field);
    }
  }
}

/** The number in a field; `NaN` if there is none. */
function readNumber(field) {
  return elements[field].valueAsNumber;
}
