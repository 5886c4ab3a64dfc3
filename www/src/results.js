/** Counts, ratio, chart and progress of a replay. All of them come from the cache's own statistics. */

import { byId, setText } from "./dom.js";
import { percent, short, whole } from "./format.js";
import { Chart } from "./hit-ratio-chart.js";
import { showSizes } from "./size-chart.js";

const chart = new Chart(byId("chart"));
const progress = byId("progress");

/** The quarters of the running replay that were announced. */
let announced = 0;

export function announce(text) {
  setText(byId("status"), text);
}

/** Takes the last replay away; `caption` says what comes now. */
export function showStart(caption, total) {
  announced = 0;
  setText(byId("caption"), caption);
  showReplayed({ done: 0, total, window: 0, points: [], seconds: 0 });
}

/** The estimates for other sizes. */
export function showAdvice(advice) {
  showSizes(byId("sizes"), advice);
}

export function showStats({ hits, misses, hitRate, evictions, expirations }) {
  setText(byId("hit-ratio"), percent(hitRate));
  setText(byId("hits"), whole(hits));
  setText(byId("misses"), whole(misses));
  setText(byId("evictions"), whole(evictions));
  setText(byId("expirations"), whole(expirations));
}

export function showProgress(report) {
  const { done, total, stats, advice } = report;
  showReplayed(report);
  showStats(stats);
  showAdvice(advice);
  const quarter = Math.floor((4 * done) / total);
  if (quarter > announced && quarter < 4) {
    announced = quarter;
    announce(`${25 * quarter} percent of the requests replayed, hit ratio ${percent(stats.hitRate)}`);
  }
}

export function showEnd({ done, total, stats }, stopped) {
  const what = stopped
    ? `Stopped after ${whole(done)} of ${whole(total)} requests`
    : `Replayed ${whole(done)} requests`;
  announce(`${what}. Hit ratio ${percent(stats.hitRate)}: ${whole(stats.hits)} hits, ${whole(stats.misses)} misses.`);
  if (stopped) {
    setText(byId("progress-text"), `stopped at ${Math.floor((100 * done) / total)}%`);
  }
}

function showReplayed({ done, total, window, points, seconds }) {
  progress.max = total || 1;
  progress.value = done;
  setText(byId("progress-text"), total > 0 ? `${Math.floor((100 * done) / total)}%` : "");
  setText(byId("done"), whole(done));
  setText(byId("speed"), seconds > 0 ? short(done / seconds) : "–");
  setText(byId("window-text"), window > 0 ? `in each window of ${whole(window)}` : "in each window");
  chart.show({ points, total, window });
}
