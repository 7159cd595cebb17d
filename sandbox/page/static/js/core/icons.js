/** The page's icons: one path each, on a grid of 24. */
import { svg } from "./dom.js";

const PATHS = {
  hash: "M5 9h14M5 15h14M10 4 8 20M16 4l-2 16",
  voice: "M4 10v4h3l5 4V6L7 10zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11",
  forum: "M4 5h16v10H9l-5 4zM8 9h8M8 12h5",
  news: "M4 9v6h3l9 4V5L7 9zM8 15v4h3v-3M19 10a3 3 0 0 1 0 4",
  thread: "M6 4v9a4 4 0 0 0 4 4h8M14 13l4 4-4 4",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  chevron: "M7 10l5 5 5-5",
  right: "M10 7l5 5-5 5",
  left: "M14 7l-5 5 5 5",
  down: "M12 5v14M6 13l6 6 6-6",
  people: "M8.5 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2 20c0-4 3-6 6.500-6s6.500 2 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6.500M18 14.500c2.500.8 4 2.700 4 5.500",
  person: "M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-5 4-7 8-7s8 2 8 7",
  search: "M10.5 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500 21 21",
  trace: "M3 6h10M7 11h9M10 16h11M10 21h5",
  gauge: "M4 18a9 9 0 1 1 16 0M12 14l4-5",
  gear: "M12 15.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM12 2.500v3M12 18.500v3M2.500 12h3M18.500 12h3M5.300 5.300l2.100 2.100M16.600 16.600l2.100 2.100M18.700 5.300l-2.100 2.100M7.400 16.600l-2.100 2.100",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
  guide: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM15.500 8.500l-2 5-5 2 2-5z",
  send: "M4 12 21 4l-5 17-4-7z",
  clip: "M20 11l-8 8a5 5 0 0 1-7-7l8.500-8.500a3.500 3.500 0 0 1 5 5L10 17a1.800 1.800 0 0 1-2.500-2.500L15 7",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8 14c1 1.700 2.400 2.500 4 2.500s3-.8 4-2.500M9 9.500v.5M15 9.500v.5",
  reply: "M10 6 4 11.500l6 5.500v-3.500c5 0 8 1.500 10 5.500 0-6-4-9.500-10-9.500z",
  forward: "M14 6l6 5.500-6 5.500v-3.500c-5 0-8 1.500-10 5.500 0-6 4-9.500 10-9.500z",
  edit: "M4 20l1-4L16 5l3 3L8 19z",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  pin: "M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v6",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  eye: "M2 12s3.500-6.500 10-6.500S22 12 22 12s-3.500 6.500-10 6.500S2 12 2 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  check: "M5 12.500l4.500 4.500L19 7",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  menu: "M4 7h16M4 12h16M4 17h16",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
  spark: "M12 3l2 6.500L20 12l-6 2.500L12 21l-2-6.500L4 12l6-2.500z",
  crown: "M4 18h16l1-10-5 4-4-7-4 7-5-4z",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.500-5.500l-1.500 1.500M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.500 5.500l1.500-1.500",
  warning: "M12 4 2.500 20h19zM12 10v4.500M12 17.300v.2",
};

/** An icon by its name; hidden from screen readers, for whatever holds it has a label. */
export function icon(name, size = 20) {
  const filled = name === "crown" || name === "spark";
  return svg(
    "svg",
    {
      viewBox: "0 0 24 24", width: size, height: size, fill: filled ? "currentColor" : "none", stroke: "currentColor",
      "stroke-width": name === "more" ? 3 : 1.8, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
      class: "icon",
    },
    svg("path", { d: PATHS[name] ?? PATHS.more }),
  );
}
