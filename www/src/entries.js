/** The table of entries. Rows are kept and refilled, so that a look each second is cheap. */

import { byId, element, setText } from "./dom.js";
import { timeLeft, whole } from "./format.js";

/** The most entries shown. */
export const MOST = 200;
/** A value of a person may be long. */
const MOST_TEXT = 200;

const body = byId("entries");

export function showEntries({ entries, stats }) {
  while (body.rows.length > entries.length) {
    body.lastElementChild.remove();
  }
  while (body.rows.length < entries.length) {
    body.append(newRow(body.rows.length + 1));
  }
  entries.forEach((entry, at) => {
    const [, key, value, left] = body.rows[at].cells;
    setText(key, cut(entry.key));
    setText(value, cut(JSON.stringify(entry.value)));
    setText(left, timeLeft(entry.ttl));
  });
  byId("entries-none").hidden = entries.length > 0;
  const all = whole(stats.entries);
  setText(byId("entries-count"), stats.entries > entries.length ? `first ${entries.length} of ${all}` : all);
}

function newRow(rank) {
  const row = document.createElement("tr");
  row.append(
    element("td", "rank", whole(rank)),
    element("td", "key", ""),
    element("td", "value", ""),
    element("td", "ttl", ""),
  );
  return row;
}

function cut(text) {
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text;
}
