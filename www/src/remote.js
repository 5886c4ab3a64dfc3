/** The part of the page that asks the bridge: its controls, and the rounds of operations. */

import { HttpCache } from "isocache";
import { byId, setText } from "./dom.js";
import { whole } from "./format.js";
import { showBreaker, showCounts, showRequest, showRound, startOver } from "./traffic.js";
import { watchedFetch } from "./watched-fetch.js";

/** What the bridge has from this page begins so, and is gone soon. */
const KEPT = { namespace: "page", ttl: "10m" };
/** How long an operation may take, and how the breaker works: quick, so that it can be watched. */
const LIMITS = { timeout: "1s", breaker: { failures: 5, cooldown: "3s" } };
/** The keys, which the rounds ask for in turn. */
const KEYS = 100;
const MOST_AT_ONCE = 1000;
/** Between two rounds, and between two looks at the breaker, in milliseconds. */
const PAUSE = 250;
/** Stands for the value of a get that failed. */
const FAILED = Symbol("failed");

const form = byId("remote");
const { elements } = form;

/** The cache in use, with what the page has counted of it. */
let link;
/** The key with which the next round begins. */
let next = 0;
/** The traffic that runs, if any does. */
let traffic;

/** Takes a new cache, with nothing counted. What the bridge has stays there. */
function open() {
  const mine = { requests: 0, commands: 0, operations: 0, failed: 0, rounds: 0, cache: undefined };
  const report = (request) => {
    // The one before may still have something under way.
    if (mine === link) {
      mine.requests++;
      mine.commands += request.commands;
      showRequest(mine.requests, request);
    }
  };
  mine.cache = new HttpCache({
    url: location.origin,
    ...KEPT,
    ...LIMITS,
    batch: elements.gather.checked,
    fetch: watchedFetch(() => elements.connection.value, report),
  });
  link = mine;
  startOver();
  show();
}

/** Looks for a bridge, and shows the outcome. */
async function connect() {
  const probe = new HttpCache({ url: location.origin, ...KEPT, timeout: "30s", retries: 0 });
  const state = byId("remote-state");
  try {
    await probe.has("key:0");
    state.dataset.state = "connected";
    setText(state, `Connected to the bridge that serves this page, ${location.host}.`);
    byId("remote-controls").disabled = false;
  } catch ({ code }) {
    state.dataset.state = "none";
    setText(
      state,
      code === "refused"
        ? `The server of this page, ${location.host}, requires a token, and the page has none.`
        : "This page is not served by a bridge. Run make demo to serve it from one.",
    );
  }
}

/** Gets some keys at once. Missing values are created and stored; a failing cache does not fail the round. */
async function round(size) {
  const mine = link;
  const { cache } = mine;
  const ask = async (operation) => {
    mine.operations++;
    try {
      return await operation;
    } catch {
      mine.failed++;
      return FAILED;
    }
  };
  const keys = Array.from({ length: size }, () => `key:${next++ % KEYS}`);
  const began = performance.now();
  const values = await Promise.all(keys.map((key) => ask(cache.get(key))));
  const ms = performance.now() - began;
  const missing = new Set(keys.filter((_, at) => values[at] === undefined));
  await Promise.all([...missing].map((key) => ask(cache.set(key, { key }))));
  if (mine !== link) {
    return;
  }
  const failed = values.filter((value) => value === FAILED).length;
  const misses = values.filter((value) => value === undefined).length;
  showRound({ at: ++mine.rounds, hits: size - misses - failed, misses, failed, ms });
  await show();
}

async function show() {
  const mine = link;
  // In a namespace these are the cache's own counts, for which nothing is asked.
  const stats = await mine.cache.getStats();
  if (mine === link) {
    showCounts({ ...mine, ...stats });
    showBreaker(mine.cache.breakerState);
  }
}

/** Runs rounds, one after the other, until they are stopped. */
async function flow() {
  const mine = Symbol("traffic");
  showTraffic(mine);
  while (traffic === mine) {
    const size = atOnce();
    if (size === undefined) {
      showTraffic(undefined);
      return;
    }
    if (document.visibilityState === "visible") {
      await round(size);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

function showTraffic(running) {
  traffic = running;
  setText(byId("flow"), running ? "Stop traffic" : "Start traffic");
  byId("one-round").disabled = running !== undefined;
}

/** Removes the entries of this page from the bridge. */
async function clear() {
  try {
    const removed = await link.cache.clearPattern("*");
    tell(`${whole(removed)} entries removed.`);
  } catch (error) {
    tell(`${error.name}: ${error.message}`);
  }
  await show();
}

/** The number of gets per round; `undefined` if the field is invalid, which the page shows. */
function atOnce() {
  const field = elements["at-once"];
  const size = field.valueAsNumber;
  const fits = Number.isInteger(size) && size >= 1 && size <= MOST_AT_ONCE;
  field.setAttribute("aria-invalid", `${!fits}`);
  if (!fits) {
    tell(`Gets at once must be a whole number from 1 to ${whole(MOST_AT_ONCE)}.`, true);
  } else if (byId("remote-note").classList.contains("wrong")) {
    tell("");
  }
  return fits ? size : undefined;
}

function tell(text, wrong = false) {
  const note = byId("remote-note");
  note.classList.toggle("wrong", wrong);
  setText(note, text);
}

export function watchRemote() {
  open();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (traffic) {
      showTraffic(undefined);
    } else {
      flow();
    }
  });
  byId("one-round").addEventListener("click", () => {
    const size = atOnce();
    if (size !== undefined) {
      round(size);
    }
  });
  byId("clear-remote").addEventListener("click", clear);
  elements.gather.addEventListener("change", open);
  // An open breaker becomes half-open by time alone.
  setInterval(() => showBreaker(link.cache.breakerState), PAUSE);
  return connect();
}
