/** The hit ratio over the requests, as SVG in the size of its place: letters keep their size, colours come from the style. */

import { drawn } from "./dom.js";
import { percent, short, whole } from "./format.js";

const EDGE = { top: 12, right: 24, bottom: 42, left: 50 };

export class Chart {
  #place;
  #data = { points: [], total: 0, window: 0 };
  #drawing = false;

  constructor(place) {
    this.#place = place;
    new ResizeObserver(() => this.#schedule()).observe(place);
    place.addEventListener("pointermove", (event) => this.#read(event));
    place.addEventListener("pointerleave", () => this.#schedule());
  }

  /** `points` are `{ at, total, window }`; the axis goes to `total` requests from the beginning. */
  show(data) {
    this.#data = data;
    this.#schedule();
  }

  #schedule() {
    if (!this.#drawing) {
      this.#drawing = true;
      requestAnimationFrame(() => {
        this.#drawing = false;
        this.#draw();
      });
    }
  }

  #draw() {
    const { points, total } = this.#data;
    const { width, height } = this.#size();
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    const { x, y, right, bottom } = this.#scale();

    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      svg.append(
        drawn("line", { class: part === 0 ? "axis" : "grid", x1: EDGE.left, x2: right, y1: y(part), y2: y(part) }),
        drawn("text", { x: EDGE.left - 8, y: y(part) + 4, "text-anchor": "end" }, `${100 * part}%`),
      );
    }
    const ticks = total > 0 ? ticksUpTo(total, width < 480 ? 3 : 6) : [0];
    for (const tick of ticks) {
      svg.append(
        drawn("line", { class: "axis", x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 4 }),
        drawn(
          "text",
          { x: x(tick), y: bottom + 18, "text-anchor": tick > 0 && tick === total ? "end" : "middle" },
          short(tick),
        ),
      );
    }
    const middle = (EDGE.left + right) / 2;
    svg.append(drawn("text", { class: "label", x: middle, y: height - 4, "text-anchor": "middle" }, "requests"));
    if (points.length === 0) {
      svg.append(drawn("text", { class: "label", x: middle, y: y(0.5) - 8, "text-anchor": "middle" }, "no replay yet"));
    } else {
      const path = (of) => points.map((point, at) => `${at ? "L" : "M"}${x(point.at)},${y(point[of])}`).join("");
      const last = points.at(-1);
      svg.append(
        drawn("path", { class: "line window", d: path("window") }),
        drawn("path", { class: "line total", d: path("total") }),
        drawn("circle", { class: "end", cx: x(last.at), cy: y(last.total), r: 4 }),
      );
      const said = `${percent(last.total)} after ${whole(last.at)} of ${whole(total)}`;
      this.#place.setAttribute("aria-label", `Hit ratio over the requests: ${said}`);
    }
    this.#place.replaceChildren(svg);
  }

  /** Shows the numbers of the point nearest to the pointer. */
  #read(event) {
    const { points } = this.#data;
    const svg = this.#place.firstElementChild;
    if (points.length === 0 || svg === null) {
      return;
    }
    const { x, y, right, bottom } = this.#scale();
    const at = event.clientX - this.#place.getBoundingClientRect().left;
    const point = points.reduce((best, one) => (Math.abs(x(one.at) - at) < Math.abs(x(best.at) - at) ? one : best));
    const left = x(point.at) > (EDGE.left + right) / 2;
    const text = `${percent(point.total)} · window ${percent(point.window)} · ${whole(point.at)}`;
    const reading = drawn("g", { class: "reading" });
    reading.append(
      drawn("line", { x1: x(point.at), x2: x(point.at), y1: EDGE.top, y2: bottom }),
      drawn("circle", { cx: x(point.at), cy: y(point.total), r: 4 }),
      drawn("text", { x: x(point.at) + (left ? -8 : 8), y: bottom - 10, "text-anchor": left ? "end" : "start" }, text),
    );
    svg.querySelector(".reading")?.remove();
    svg.append(reading);
  }

  #size() {
    return { width: Math.max(240, this.#place.clientWidth), height: this.#place.clientHeight };
  }

  #scale() {
    const { width, height } = this.#size();
    const right = width - EDGE.right;
    const bottom = height - EDGE.bottom;
    const most = this.#data.total || 1;
    const round = (number) => Math.round(number * 10) / 10;
    return {
      right,
      bottom,
      x: (request) => round(EDGE.left + (request / most) * (right - EDGE.left)),
      y: (ratio) => round(bottom - ratio * (bottom - EDGE.top)),
    };
  }
}

/** Round numbers from 0 up to `total`, about `wanted` of them. */
function ticksUpTo(total, wanted) {
  const rough = total / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, power * [1, 2, 5, 10].find((factor) => factor * power >= rough));
  const ticks = [];
  for (let tick = 0; tick <= total; tick += step) {
    ticks.push(tick);
  }
  return ticks;
}
