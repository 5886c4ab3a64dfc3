/** What the cache would hit at other sizes and under each policy, as its advisor estimates: a live curve, as SVG. */

import { drawn } from "./dom.js";
import { percent, short } from "./format.js";

const [WIDTH, HEIGHT] = [480, 150];
const EDGE = { top: 10, right: 30, bottom: 34, left: 50 };
const POLICIES = [
  ["s3fifo", "window"],
  ["lru", "total"],
];

/** Shows the estimates of `MemoryCache.advise` in a place; none before there are any. */
export function showSizes(place, advice) {
  if (advice.length === 0) {
    place.setAttribute("aria-label", "No estimates yet");
    place.replaceChildren();
    return;
  }
  const x = (at) => EDGE.left + (at * (WIDTH - EDGE.left - EDGE.right)) / (advice.length - 1);
  const y = (ratio) => Math.round(HEIGHT - EDGE.bottom - ratio * (HEIGHT - EDGE.bottom - EDGE.top));
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
  for (const part of [0, 0.5, 1]) {
    svg.append(
      drawn("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(part), y2: y(part) }),
      drawn("text", { x: EDGE.left - 8, y: y(part) + 4, "text-anchor": "end" }, `${100 * part}%`),
    );
  }
  for (const [at, { maxEntries }] of advice.entries()) {
    svg.append(drawn("text", { x: x(at), y: HEIGHT - EDGE.bottom + 16, "text-anchor": "middle" }, short(maxEntries)));
  }
  for (const [policy, line] of POLICIES) {
    const path = advice.map((estimate, at) => `${at > 0 ? "L" : "M"}${x(at)},${y(estimate[policy])}`).join("");
    svg.append(drawn("path", { class: `line ${line}`, d: path }));
  }
  // The middle one is the present size.
  const at = (advice.length - 1) / 2;
  svg.append(drawn("circle", { class: "end", cx: x(at), cy: y(advice[at].lru), r: 4 }));
  const said = advice.map(({ maxEntries, lru, s3fifo }) => `${maxEntries} entries ${percent(lru)}, ${percent(s3fifo)}`);
  place.setAttribute("aria-label", `Hit ratio by size, under LRU and under S3-FIFO: ${said.join("; ")}`);
  place.replaceChildren(svg);
}
