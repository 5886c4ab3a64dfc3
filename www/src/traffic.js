/** What is seen of the bridge: requests, rounds, counts and the breaker. */

import { byId, element, setText } from "./dom.js";
import { milliseconds, whole } from "./format.js";
import { RoundCharts } from "./round-charts.js";

/** The most requests in the table; of as many the latency is the median. */
const MOST = 50;

const BREAKER = {
  closed: "Requests are sent.",
  open: "5 failures in a row: nothing is sent for 3 seconds. Operations fail at once.",
  "half-open": "One request checks whether the bridge is back.",
};

const list = byId("sent");
const strips = new RoundCharts({ outcomes: byId("outcomes"), times: byId("times"), longest: byId("longest") });
/** The last requests as the table shows them, the newest first. */
let sent = [];
/** How long the last good ones took. */
let times = [];

/** Takes everything away. */
export function startOver() {
  times = [];
  sent = [];
  strips.clear();
  list.replaceChildren();
  byId("sent-none").hidden = false;
  setText(byId("latency"), "–");
  setText(byId("round"), "No round yet.");
}

export function showRequest(at, { names, answer, good, ms }) {
  sent = [{ good, texts: [whole(at), names, answer, milliseconds(ms)] }, ...sent].slice(0, MOST);
  // Rows are refilled, so that none moves.
  if (list.rows.length < sent.length) {
    const row = element("tr", "", "");
    row.append(...["rank", "key", "answer", "ttl"].map((name) => element("td", name, "")));
    list.append(row);
  }
  sent.forEach(({ good, texts }, row) => {
    list.rows[row].classList.toggle("failed", !good);
    texts.forEach((text, cell) => {
      setText(list.rows[row].cells[cell], text);
    });
  });
  byId("sent-none").hidden = true;
  if (good) {
    times = [...times, ms].slice(-MOST);
    setText(byId("latency"), milliseconds(times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]));
  }
}

/** A round: how many of its gets were hits, misses and failures, and in how many milliseconds all had their answer. */
export function showRound(round) {
  strips.add(round);
  const gets = round.hits + round.misses + round.failed;
  setText(byId("round"), `Round ${whole(round.at)}: ${whole(gets)} gets in ${milliseconds(round.ms)}.`);
}

export function showCounts({ hits, misses, operations, failed, requests, commands }) {
  const texts = {
    "remote-operations": whole(operations),
    "remote-requests": whole(requests),
    "remote-batch": requests > 0 ? (commands / requests).toFixed(1) : "–",
    "remote-hits": whole(hits),
    "remote-misses": whole(misses),
    "remote-failed": whole(failed),
  };
  for (const [id, text] of Object.entries(texts)) {
    setText(byId(id), text);
  }
}

export function showBreaker(state) {
  for (const item of byId("breaker").children) {
    if (item.dataset.state === state) {
      item.setAttribute("aria-current", "true");
    } else {
      item.removeAttribute("aria-current");
    }
  }
  setText(byId("breaker-text"), BREAKER[state]);
}
