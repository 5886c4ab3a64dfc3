/** Numbers and times as the page shows them. */

const WHOLE = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

const UNITS = [
  [60, "min", 1, "s"],
  [3600, "h", 60, "min"],
  [86_400, "d", 3600, "h"],
];

export const whole = (number) => WHOLE.format(number);
export const short = (number) => SHORT.format(number);
export const percent = (ratio) => `${(100 * ratio).toFixed(2)}%`;

/** The time left until an entry expires, given in seconds; `null` if it does not. */
export function timeLeft(seconds) {
  if (seconds === null) {
    return "no expiry";
  }
  if (seconds < 10) {
    return `${seconds.toFixed(1)} s`;
  }
  if (seconds < 120) {
    return `${Math.floor(seconds)} s`;
  }
  const [size, unit, part, smaller] = UNITS.findLast(([size]) => seconds >= 2 * size);
  return `${whole(Math.floor(seconds / size))} ${unit} ${Math.floor((seconds % size) / part)} ${smaller}`;
}

/** A time that is usually short. The clock of a page knows no less than a tenth of a millisecond. */
export function milliseconds(ms) {
  if (ms < 0.1) {
    return "< 0.1 ms";
  }
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${whole(Math.round(ms))} ms`;
}
