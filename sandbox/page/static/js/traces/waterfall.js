/** One trace as a waterfall: a row a span, a bar where it ran, and what it waited for in sums above. */
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { hueOf } from "../people/avatar.js";
import { friendly } from "../text/times.js";

const NAMES = { queue: "In the queue", limit: "Limits waited for", provider: "Model provider", discord: "Discord", store: "Stores" };
const KNOWN_HUES = { gateway: 235, executor: 160, llm: 285, ratelimit: 35, board: 200, sandbox: 330 };

export function serviceHue(name) {
  const known = Object.keys(KNOWN_HUES).find((part) => name.includes(part));
  return known ? KNOWN_HUES[known] : hueOf(name);
}

export function millis(value) {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}

function flat(nodes, depth = 0, out = []) {
  for (const span of nodes) {
    out.push({ span, depth });
    flat(span.children, depth + 1, out);
  }
  return out;
}

export function waterfall(trace) {
  const rows = flat(trace.tree);
  const total = Math.max(trace.duration_ms, 0.001);
  const closed = new Set();
  const detail = h("aside.span-detail", { hidden: true, "aria-label": "Span" });
  const list = h("div.spans", { role: "tree", "aria-label": "Spans", onkeydown: (e) => keys(e, list) });
  const draw = () => {
    let hiddenBelow = Infinity;
    fill(list, rows.map(({ span, depth }) => {
      if (depth > hiddenBelow) return null;
      hiddenBelow = closed.has(span.span_id) ? depth : Infinity;
      return spanRow(span, depth, total, { closed: closed.has(span.span_id), toggle: () => { closed.has(span.span_id) ? closed.delete(span.span_id) : closed.add(span.span_id); draw(); }, open: () => show(detail, span) });
    }));
  };
  draw();
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => h("span", { style: { left: `${share * 100}%` } }, millis(total * share)));
  return h("div.waterfall", {},
    h("header.trace-head", {}, h("div", {}, h("h2", {}, trace.name), h("p.muted", {}, `${friendly(new Date(trace.start * 1000))} · ${trace.spans} spans in ${trace.services.length} services · `, h("code.inline", {}, trace.trace_id), trace.dropped ? ` · ${trace.dropped} spans dropped` : "")),
      h("div.totals", {}, total_("Whole", millis(trace.duration_ms), "whole"), Object.entries(trace.totals_ms).map(([name, value]) => total_(NAMES[name] ?? name, millis(value), name)), trace.errors ? total_("Errors", trace.errors, "error") : null)),
    h("div.legend", {}, trace.services.map((s) => h("span", {}, h("span.service-dot", { style: { "--hue": serviceHue(s) } }), s))),
    h("div.ruler", { "aria-hidden": "true" }, h("span"), h("div.ruler-marks", {}, marks)), h("div.waterfall-body", {}, list, detail));
}

const total_ = (name, value, kind) => h("div.total", { class: `kind-${kind}` }, h("b", {}, value), h("small", {}, name));

function spanRow(span, depth, total, { closed, toggle, open }) {
  const left = Math.min(100, (100 * span.offset_ms) / total);
  const width = Math.max(0.3, Math.min(100 - left, (100 * span.duration_ms) / total));
  const has = span.children.length > 0;
  return h("div.span-row", { role: "treeitem", tabindex: 0, "aria-level": depth + 1, "aria-expanded": has ? String(!closed) : null, class: span.error ? "failed" : "", onclick: open, "aria-label": `${span.name} in ${span.service}, ${millis(span.duration_ms)}${span.error ? ", failed" : ""}` },
    h("span.span-name", { style: { "--depth": depth } },
      has ? h("button.icon-button.small", { type: "button", tabindex: -1, "aria-label": closed ? "Unfold" : "Fold", onclick: (e) => { e.stopPropagation(); toggle(); } }, icon(closed ? "right" : "chevron", 14)) : h("span.span-space"),
      h("span.service-dot", { style: { "--hue": serviceHue(span.service) } }), h("span.span-text", {}, span.name), span.error ? icon("warning", 14) : null),
    h("span.span-track", {}, h("span.span-bar", { class: `kind-${span.category}`, style: { left: `${left}%`, width: `${width}%`, "--hue": serviceHue(span.service) } }),
      span.events.map((e) => h("i.span-event", { title: e.name, style: { left: `${Math.min(100, left + (100 * (e.time - span.start) * 1000) / total)}%` } })),
      h("small", { class: left > 70 ? "before" : "", style: { left: left > 70 ? `${left}%` : `${Math.min(88, left + width)}%` } }, millis(span.duration_ms))));
}

function show(detail, span) {
  detail.hidden = false;
  const rows = (object) => Object.entries(object ?? {}).map(([key, value]) => [h("dt", {}, key), h("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value))]);
  fill(detail, h("header", {}, h("h3", {}, span.name), h("button.icon-button", { type: "button", "aria-label": "Close", onclick: () => (detail.hidden = true) }, icon("close", 16))),
    h("p.muted", {}, `${span.service} · ${span.kind} · ${millis(span.duration_ms)} from ${millis(span.offset_ms)}`),
    span.error ? h("p.error-line", {}, icon("warning", 14), span.status_message || "This span failed") : null,
    h("dl.attributes", {}, rows(span.attributes)),
    span.events.length ? [h("h4", {}, "Events"), span.events.map((e) => h("div.span-event-row", {}, h("b", {}, e.name), h("small", {}, ` +${millis((e.time - span.start) * 1000)}`), h("dl.attributes", {}, rows(e.attributes))))] : null,
    span.links.length ? [h("h4", {}, "Links"), span.links.map((l) => h("p", {}, h("code.inline", {}, l.trace_id)))] : null);
}

function keys(event, list) {
  const rows = [...list.children];
  const at = rows.indexOf(document.activeElement);
  if (at < 0) return;
  if (event.key === "Enter" || event.key === " ") document.activeElement.click();
  else if (event.key === "ArrowDown") rows[Math.min(rows.length - 1, at + 1)].focus();
  else if (event.key === "ArrowUp") rows[Math.max(0, at - 1)].focus();
  else return;
  event.preventDefault();
}
