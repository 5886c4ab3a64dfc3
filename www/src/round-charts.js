/** The last rounds as two bar charts: the outcome of the gets, and how long they took. */

import { drawn } from "./dom.js";
import { milliseconds, whole } from "./format.js";

/** The rounds shown. */
const MOST = 60;
const HEIGHT = 100;

export class RoundCharts {
  #rounds = [];
  #outcomes;
  #times;
  #longest;

  /** `longest` is where the scale of the times is written. */
  constructor({ outcomes, times, longest }) {
    this.#outcomes = outcomes;
    this.#times = times;
    this.#longest = longest;
    this.#draw();
  }

  clear() {
    this.#rounds = [];
    this.#draw();
  }

  add(round) {
    this.#rounds = [...this.#rounds, round].slice(-MOST);
    this.#draw();
  }

  #draw() {
    const rounds = this.#rounds;
    const top = scale(Math.max(1, ...rounds.map(({ ms }) => ms)));
    this.#longest.textContent = milliseconds(top);
    const outcomes = rounds.map(({ hits, misses, failed }) => {
      const all = hits + misses + failed;
      return [
        ["hits", hits / all],
        ["misses", misses / all],
        ["failures", failed / all],
      ];
    });
    this.#outcomes.replaceChildren(...columns(outcomes));
    this.#times.replaceChildren(...columns(rounds.map(({ failed, ms }) => [[failed ? "failures" : "time", ms / top]])));
    const last = rounds.at(-1);
    const label = (text) => (last ? `The last ${whole(rounds.length)} rounds. ${text(last)}` : "No round yet");
    this.#outcomes.setAttribute(
      "aria-label",
      label(({ hits, misses, failed }) => `The last one: ${hits} hits, ${misses} misses, ${failed} failures`),
    );
    this.#times.setAttribute(
      "aria-label",
      label(({ ms }) => `The last one took ${milliseconds(ms)}`),
    );
  }
}

/** A column for each round, of parts from the bottom up, in shares of the height. The newest stands at the right. */
function columns(rounds) {
  return rounds.flatMap((parts, at) => {
    const x = MOST - rounds.length + at + 0.12;
    let bottom = HEIGHT;
    return parts
      .filter(([, share]) => share > 0)
      .map(([name, share]) => {
        // What took no time is still to be seen.
        const height = Math.max(2, share * HEIGHT);
        bottom -= height;
        return drawn("rect", { class: name, x, y: bottom, width: 0.76, height });
      });
  });
}

/** The next of 1, 2, 5, 10, 20, … */
function scale(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= most);
}
