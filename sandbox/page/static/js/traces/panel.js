/** The trace viewer: the list with search, one trace as a waterfall, and the map of services. */
import { emit, on } from "../core/bus.js";
import { fill, h, refill } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { get } from "../core/api.js";
import { attempt } from "../core/layers.js";
import { friendly } from "../text/times.js";
import { serviceMap } from "./map.js";
import { millis, serviceHue, waterfall } from "./waterfall.js";

const RENEW_MS = 2000;

export class TracesPanel {
  #timer = 0;
  #tab = "list";
  #query = { q: "", service: "", error: false, min_ms: "" };

  constructor() {
    this.main = h("div.traces-main");
    this.tabs = h("div.tabs", { role: "tablist" });
    this.element = h("section.panel.traces", { "aria-label": "Traces" },
      h("header.panel-head", {}, icon("trace", 22), h("h1", {}, "Traces"), this.tabs, h("span.grow"), h("button.icon-button", { type: "button", "aria-label": "Close traces", onclick: () => emit("close-panel") }, icon("close"))), this.main);
    this.stop = on("open-trace", ({ traceId }) => this.showTrace(traceId));
  }

  show(traceId) {
    if (traceId) this.showTrace(traceId);
    else this.#switch(this.#tab === "trace" ? "list" : this.#tab);
  }
  end() {
    clearTimeout(this.#timer);
    this.stop();
  }

  #drawTabs() {
    const tab = (id, text) => h("button.tab", { type: "button", role: "tab", "aria-selected": String(this.#tab === id), onclick: () => this.#switch(id) }, text);
    fill(this.tabs, tab("list", "Requests"), tab("map", "Services"), this.#tab === "trace" ? tab("trace", "Waterfall") : null);
  }

  #switch(tab) {
    clearTimeout(this.#timer);
    if (tab === "trace") return;
    this.#tab = tab;
    this.#drawTabs();
    if (tab === "list") this.#list();
    if (tab === "map") this.#map();
  }

  #list() {
    const query = this.#query;
    const rows = h("div.trace-rows", { role: "list" });
    const set = (change) => {
      Object.assign(query, change);
      this.#load(rows);
    };
    const services = h("select", { "aria-label": "Service", onchange: (e) => set({ service: e.target.value }) }, h("option", { value: "" }, "All services"));
    get("/traces/api/services").then(({ services: list }) => services.append(...list.map((s) => h("option", { value: s.name, selected: s.name === query.service }, s.name))));
    fill(this.main, h("div.trace-search", { role: "search" },
      h("input", { type: "search", placeholder: "Words, or attribute=value", "aria-label": "Search traces", value: query.q, oninput: (e) => set({ q: e.target.value }) }), services,
      h("input", { type: "number", min: 0, placeholder: "at least ms", "aria-label": "At least so many milliseconds", value: query.min_ms, oninput: (e) => set({ min_ms: e.target.value }) }),
      h("label.check-row", {}, h("input", { type: "checkbox", checked: query.error, onchange: (e) => set({ error: e.target.checked }) }), "Errors only")), rows);
    this.#load(rows);
  }

  async #load(rows) {
    clearTimeout(this.#timer);
    const { q, service, error, min_ms: least } = this.#query;
    const parameters = new URLSearchParams({ q, service, limit: "100", ...(error ? { error: "1" } : {}), ...(least ? { min_ms: least } : {}) });
    const found = await attempt(() => get(`/traces/api/traces?${parameters}`));
    if (!rows.isConnected || !found) return;
    refill(rows, found.traces, (traces) => {
      const longest = Math.max(1, ...traces.map((t) => t.duration_ms));
      return traces.length ? traces.map((trace) => this.#row(trace, longest)) : h("p.muted.pad", {}, "No trace yet. Ask the bot something, or change the search.");
    });
    this.#timer = setTimeout(() => this.#load(rows), RENEW_MS);
  }

  #row(trace, longest) {
    return h("button.trace-row", { type: "button", role: "listitem", class: trace.errors ? "failed" : "", data: { key: trace.trace_id }, onclick: () => this.showTrace(trace.trace_id) },
      h("span.trace-name", {}, h("b", {}, trace.name), h("span.service-dots", {}, trace.services.map((s) => h("span.service-dot", { style: { "--hue": serviceHue(s) }, title: s }))), h("small", {}, trace.services.join(" · "))),
      h("span.trace-bar", { "aria-hidden": "true" }, h("i", { style: { width: `${Math.max(1, (100 * trace.duration_ms) / longest)}%` } })),
      h("span.trace-figures", {}, h("b", {}, millis(trace.duration_ms)), h("small", {}, `${trace.spans} spans${trace.errors ? ` · ${trace.errors} errors` : ""}`)),
      h("small.trace-when", {}, friendly(new Date(trace.start * 1000))));
  }

  async showTrace(traceId) {
    clearTimeout(this.#timer);
    this.#tab = "trace";
    this.#drawTabs();
    fill(this.main, h("p.muted.pad", { role: "status" }, "Loading the trace"));
    let spans = 0;
    const load = async () => {
      const trace = await attempt(() => get(`/traces/api/traces/${traceId}`));
      if (this.#tab !== "trace" || !this.element.isConnected) return;
      if (!trace) return fill(this.main, h("p.muted.pad", {}, "This trace is not here any more."));
      if (trace.spans !== spans) {
        spans = trace.spans;
        fill(this.main, waterfall(trace));
      }
      this.#timer = setTimeout(load, RENEW_MS);
    };
    await load();
  }

  async #map() {
    const data = await attempt(() => get("/traces/api/services"));
    if (data && this.#tab === "map") fill(this.main, serviceMap(data));
    this.#timer = setTimeout(() => this.#tab === "map" && this.element.isConnected && this.#map(), RENEW_MS * 2);
  }
}
