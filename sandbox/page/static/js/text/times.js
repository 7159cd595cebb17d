/** Times in the reader's own language and zone, and the relative ones kept fresh. */

const FORMATS = {
  t: { timeStyle: "short" }, T: { timeStyle: "medium" }, d: { dateStyle: "short" }, D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" }, F: { dateStyle: "full", timeStyle: "short" },
  s: { dateStyle: "short", timeStyle: "short" }, S: { dateStyle: "short", timeStyle: "medium" },
};
const formatters = new Map();

function formatter(style) {
  if (!formatters.has(style)) formatters.set(style, new Intl.DateTimeFormat(undefined, FORMATS[style]));
  return formatters.get(style);
}

const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relativeWords = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export function relative(date, now = Date.now()) {
  const seconds = Math.round((date - now) / 1000);
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return relativeWords.format(Math.trunc(seconds / size), unit);
}

export function formatted(date, style) {
  if (Number.isNaN(date.getTime())) return "an unknown time";
  return style === "R" ? relative(date) : formatter(style).format(date);
}

/** "Today at 14:05" and its like, as message heads have it. */
export function friendly(date) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return `Today at ${formatted(date, "t")}`;
  if (days === 1) return `Yesterday at ${formatted(date, "t")}`;
  return `${formatted(date, "d")} ${formatted(date, "t")}`;
}

/** Renews every relative time in the document. */
export function keepFresh() {
  setInterval(() => {
    for (const element of document.querySelectorAll("time[data-relative]")) {
      const text = relative(new Date(element.dateTime));
      if (element.textContent !== text) element.textContent = text;
    }
  }, 1000);
}
