/** The map of services: a node a service in the layer of its longest way from the start, an edge a call. */
import { h, svg } from "../core/dom.js";
import { millis, serviceHue } from "./waterfall.js";

const WIDTH = 190;
const HEIGHT = 58;
const GAP_X = 110;
const GAP_Y = 34;

/** The layer of each node: how many calls lie before it; cycles end at a node that was seen. */
function layers(names, edges) {
  const depth = new Map();
  const calls = new Map(names.map((n) => [n, edges.filter((e) => e.from === n).map((e) => e.to)]));
  const called = new Set(edges.map((e) => e.to));
  const visit = (name, level, seen) => {
    if (seen.has(name) || (depth.get(name) ?? -1) >= level) return;
    depth.set(name, level);
    for (const next of calls.get(name) ?? []) visit(next, level + 1, new Set([...seen, name]));
  };
  for (const name of names.filter((n) => !called.has(n))) visit(name, 0, new Set());
  for (const name of names) if (!depth.has(name)) visit(name, 0, new Set());
  return depth;
}

export function serviceMap({ services, edges }) {
  if (!services.length) return h("p.muted.pad", {}, "No service sent a trace yet.");
  const known = new Map(services.map((s) => [s.name, s]));
  const names = [...new Set([...known.keys(), ...edges.flatMap((e) => [e.from, e.to])])];
  const depth = layers(names, edges);
  const columns = new Map();
  for (const name of names) columns.set(depth.get(name), [...(columns.get(depth.get(name)) ?? []), name]);
  const tallest = Math.max(...[...columns.values()].map((c) => c.length));
  const height = tallest * (HEIGHT + GAP_Y) + GAP_Y;
  const width = columns.size * (WIDTH + GAP_X) + 20;
  const place = new Map();
  for (const [level, column] of columns) column.forEach((name, i) => place.set(name, {
    x: 20 + level * (WIDTH + GAP_X), y: (height - column.length * (HEIGHT + GAP_Y) + GAP_Y) / 2 + i * (HEIGHT + GAP_Y),
  }));
  const most = Math.max(1, ...edges.map((e) => e.calls));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "service-map", role: "img", "aria-label": `${names.length} services and ${edges.length} ways between them` },
    svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svg("path", { d: "M0 0 8 4 0 8z", class: "arrow" }))),
    edges.map((edge) => line(edge, place.get(edge.from), place.get(edge.to), most)), names.map((name) => node(name, known.get(name), place.get(name))));
  return h("div.map-holder", {}, picture, h("table.edge-table", {}, h("caption", {}, "Calls"), h("thead", {}, h("tr", {}, ["From", "To", "Calls", "Errors", "p50", "p95"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, edges.map((e) => h("tr", { class: e.errors ? "failed" : "" }, [e.from, e.to, e.calls, e.errors, millis(e.p50_ms), millis(e.p95_ms)].map((v) => h("td", {}, v)))))));
}

function node(name, service, { x, y }) {
  const group = svg("g", { class: service ? "map-node" : "map-node outer", transform: `translate(${x} ${y})` },
    svg("rect", { width: WIDTH, height: HEIGHT, rx: 12 }), svg("rect", { width: 6, height: HEIGHT - 20, x: 10, y: 10, rx: 3, class: "map-stripe" }),
    svg("text", { x: 28, y: 25, class: "map-name" }, name.length > 22 ? `${name.slice(0, 21)}…` : name), svg("text", { x: 28, y: 44, class: "map-figures" }, service ? `${service.spans} spans${service.errors ? ` · ${service.errors} errors` : ""}` : "outside"));
  group.style.setProperty("--hue", serviceHue(name));
  return group;
}

function line(edge, from, to, most) {
  const back = to.x <= from.x;
  const x1 = from.x + WIDTH;
  const y1 = from.y + HEIGHT / 2;
  const x2 = back ? to.x + WIDTH : to.x;
  const y2 = to.y + HEIGHT / 2;
  const bend = back ? 70 : Math.max(40, (x2 - x1) / 2);
  const path = back ? `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 + bend} ${y2} ${x2 + 6} ${y2}` : `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2 - 3} ${y2}`;
  return svg("g", { class: edge.errors ? "map-edge failed" : "map-edge" }, svg("path", { d: path, "stroke-width": 1.2 + (3 * edge.calls) / most, "marker-end": "url(#arrow)" }),
    svg("text", { x: (x1 + x2) / 2 + (back ? bend * 0.7 : 0), y: (y1 + y2) / 2 - 6, class: "map-label" }, `${edge.calls} × ${millis(edge.p50_ms)}`));
}
