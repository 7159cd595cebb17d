/** Limits and faults: live buckets, what was sent and what Discord's description says of it, and what can be broken. */
import { emit } from "../core/bus.js";
import { fill, h, refill } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { del, get, patch, post } from "../core/api.js";
import { attempt, toast } from "../core/layers.js";
import { modelFaults } from "./model.js";

const RENEW_MS = 1000;
const GATEWAY = [
  ["reconnect", "Ask to reconnect (op 7)", {}], ["invalid_session", "Invalid session, resumable (op 9)", { resumable: true }], ["invalid_session", "Invalid session, final (op 9)", { resumable: false }],
  ["silence", "Silence for 10 s", { seconds: 10 }], ["no_ack", "No heartbeat answers for 60 s", { seconds: 60 }], ["cut", "Cut the connection", {}], ["close", "Close with 4000", { code: 4000 }],
  ["close", "Close with 4009 (timed out)", { code: 4009 }], ["repeat", "Send the next 5 events twice", { count: 5 }], ["drop", "Drop the next 3 events", { count: 3 }], ["delay", "Events 2 s late", { seconds: 2 }],
];
const FAULTS = [
  ["500 before anything happens", { kind: "status", status: 500, times: 3 }], ["504 after it happened", { kind: "status", status: 504, effect: true, times: 3 }], ["502", { kind: "status", status: 502, times: 3 }],
  ["429 for this route", { kind: "rate_limit", scope: "user", retry_after: 2, times: 3 }], ["429 global", { kind: "rate_limit", scope: "global", retry_after: 2, times: 1 }], ["429 hidden limit", { kind: "rate_limit", scope: "user", hidden: true, retry_after: 3, times: 3 }],
  ["3 s late", { kind: "latency", seconds: 3, times: 10 }], ["Connection cut", { kind: "cut", times: 3 }], ["No answer for 10 s", { kind: "hang", seconds: 10, times: 1 }], ["A body that is no JSON", { kind: "body", times: 2 }],
];

export class LabPanel {
  #timer = 0;
  #tab = "limits";

  constructor() {
    this.main = h("div.lab-main");
    this.tabs = h("div.tabs", { role: "tablist" });
    this.element = h("section.panel.lab", { "aria-label": "Limits and faults" },
      h("header.panel-head", {}, icon("gauge", 22), h("h1", {}, "Lab"), this.tabs, h("span.grow"), h("button.icon-button", { type: "button", "aria-label": "Close the lab", onclick: () => emit("close-panel") }, icon("close"))), this.main);
  }
  show() {
    this.#switch("limits");
  }
  end() {
    clearTimeout(this.#timer);
  }
  #switch(tab) {
    clearTimeout(this.#timer);
    this.#tab = tab;
    const button = (id, text) => h("button.tab", { type: "button", role: "tab", "aria-selected": String(tab === id), onclick: () => this.#switch(id) }, text);
    fill(this.tabs, button("limits", "Limits"), button("requests", "Requests"), button("faults", "Faults"), button("gateway", "Gateway"), button("model", "Model"));
    fill(this.main);
    ({ limits: () => this.#limits(), requests: () => this.#requests(), faults: () => this.#faults(), gateway: () => this.#gateway(), model: () => modelFaults(this.main) })[tab]();
  }

  /** Looks again and again while the tab is shown, and draws where something has changed. */
  #every(load, draw) {
    const place = h("div.lab-live");
    this.main.append(place);
    const turn = async () => {
      await load().then((found) => refill(place, found, draw)).catch((error) => fill(place, h("p.error-line", {}, error.message)));
      if (place.isConnected) this.#timer = setTimeout(turn, RENEW_MS);
    };
    turn();
  }

  #limits() {
    const load = async () => {
      const [counters, buckets] = await Promise.all([get("/control/counters"), get("/control/buckets")]);
      const refused = Object.entries(counters.http_429_by_bucket ?? {});
      return { counters, buckets, refused, routes: refused.length ? await routesOf429s() : {} };
    };
    this.#every(load, ({ counters, buckets, refused, routes }) => {
      const figure = (value, text, bad) => h("div.total", { class: bad ? "kind-error" : "" }, h("b", {}, value ?? 0), h("small", {}, text));
      const acks = [...(counters.interactions?.ack_ms ?? [])].sort((a, b) => a - b);
      return [h("div.totals", {}, figure(counters.requests, "requests"), figure(counters.http_429, "answered 429", counters.http_429), figure(counters.invalid_requests, "401, 403 and 429", counters.invalid_requests), figure(counters.nonconforming, "against the description", counters.nonconforming),
        figure(acks.length ? `${Math.round(acks[Math.floor(acks.length / 2)])} ms` : "–", "acknowledged, median"), figure(counters.interactions?.failed, "not acknowledged", counters.interactions?.failed)),
      h("h2", {}, "Buckets"), buckets.length ? h("table.grid", {}, h("thead", {}, h("tr", {}, ["Route", "For", "Left", "", "Back in"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, buckets.map((b) => h("tr", { class: b.remaining === 0 ? "failed" : "" }, h("td", {}, h("code.inline", {}, b.route)), h("td", {}, b.key), h("td", {}, `${b.remaining} of ${b.limit}`), h("td", {}, h("span.meter", {}, h("i", { style: { width: `${(100 * b.remaining) / Math.max(1, b.limit)}%` } }))), h("td", {}, `${Number(b.reset_after ?? 0).toFixed(1)} s`))))) : h("p.muted", {}, "No bucket is in use."),
      refused.length ? [h("h2", {}, "Answered 429"), h("table.grid", {}, h("thead", {}, h("tr", {}, ["Route", "Times", "Bucket"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, refused.sort((a, b) => b[1] - a[1]).map(([bucket, n]) => h("tr", {}, h("td", {}, h("code.inline", {}, routes[bucket] ?? "earlier requests")), h("td", {}, n), h("td.muted", {}, bucket)))))] : null];
    });
  }

  #requests() {
    const only = h("input", { type: "checkbox" });
    const filter = h("input", { type: "search", placeholder: "Part of a route", "aria-label": "Filter requests" });
    this.main.append(h("div.trace-search", {}, filter, h("label.check-row", {}, only, "Only what the description refuses")));
    const load = async () => {
      const [names, list] = await Promise.all([namesById(), get(`/control/requests?limit=200${only.checked ? "&invalid=1" : ""}`)]);
      return { names, list: list.filter((r) => `${r.method} ${r.path}`.toLowerCase().includes(filter.value.toLowerCase())).slice(-150).reverse() };
    };
    this.#every(load, ({ names, list }) => h("table.grid", {}, h("thead", {}, h("tr", {}, ["When", "Request", "Status", "ms", "Who", "Request", "Answer"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, list.map((r) => h("tr", { class: r.status >= 400 ? "failed" : "" }, h("td.tight", {}, new Date(r.at * 1000).toLocaleTimeString([], { hourCycle: "h23" })), h("td", {}, h("b", {}, r.method), " ", h("code.inline", {}, r.path)), h("td", {}, r.status), h("td", {}, Math.round(r.ms)), h("td.tight", {}, names[r.actor] ?? r.actor ?? ""), verdict(r.request), verdict(r.response))))));
  }

  #faults() {
    const route = h("input", { type: "text", placeholder: "every route", "aria-label": "Route", list: "routes" });
    const method = h("select", { "aria-label": "Method" }, ["", "GET", "POST", "PATCH", "PUT", "DELETE"].map((m) => h("option", { value: m }, m || "any method")));
    const probability = h("input", { type: "number", min: 0, max: 1, step: 0.05, value: 1, "aria-label": "Probability" });
    const latency = h("input", { type: "range", min: 0, max: 1000, step: 10, value: 0, "aria-label": "Latency in milliseconds" });
    const shown = h("output", {}, "0 ms");
    get("/control/settings").then((s) => {
      latency.value = s.latency_ms ?? 0;
      shown.textContent = `${s.latency_ms ?? 0} ms`;
    });
    latency.addEventListener("input", () => (shown.textContent = `${latency.value} ms`));
    latency.addEventListener("change", () => attempt(() => patch("/control/settings", { latency_ms: Number(latency.value) })));
    const add = (text, rule) => attempt(async () => {
      await post("/control/faults", { ...rule, ...(route.value ? { route: route.value } : {}), ...(method.value ? { method: method.value } : {}), probability: Number(probability.value) });
      toast(`Injected: ${text}`, { seconds: 2 });
    });
    this.main.append(h("h2", {}, "Latency of every call"), h("label.range-row", {}, latency, shown), h("h2", {}, "What shall go wrong"),
      h("div.trace-search", {}, method, route, h("label.inline-label", {}, "Probability", probability)),
      h("datalist", { id: "routes" }, ["/channels/{channel_id}/messages", "/channels/{channel_id}/messages/{message_id}", "/webhooks/{webhook_id}/{webhook_token}*", "/guilds/{guild_id}/channels", "/channels/{channel_id}"].map((r) => h("option", { value: r }))),
      h("div.fault-buttons", {}, FAULTS.map(([text, rule]) => h("button.secondary", { type: "button", onclick: () => add(text, rule) }, text))), h("h2", {}, "In force"));
    this.#every(() => get("/control/faults"), (rules) => [rules.length ? rules.map((rule) => h("div.rule-row", {}, h("code.inline", {}, words(rule)), h("button.secondary", { type: "button", data: { key: rule.id }, onclick: () => attempt(() => del(`/control/faults/${rule.id}`)) }, "Remove"))) : h("p.muted", {}, "Nothing goes wrong."),
        rules.length ? h("button.danger", { type: "button", onclick: () => attempt(() => del("/control/faults")) }, "Remove all") : null]);
  }

  #gateway() {
    const target = h("select", { "aria-label": "Session" }, h("option", { value: "" }, "All sessions"));
    this.main.append(h("h2", {}, "Do to the sessions"), h("div.trace-search", {}, target), h("div.fault-buttons", {}, GATEWAY.map(([action, text, fields]) => h("button.secondary", { type: "button", onclick: () => attempt(async () => {
      await post("/control/gateway", { action, ...fields, ...(target.value ? { session: target.value } : {}) });
      toast(`Done: ${text}`, { seconds: 2 });
    }) }, text))), h("h2", {}, "Sessions"));
    const load = async () => {
      const [names, list] = await Promise.all([namesById(), get("/control/sessions")]);
      return { names, list };
    };
    this.#every(load, ({ names, list }) => {
      const known = new Set([...target.options].map((o) => o.value));
      for (const s of list) if (!known.has(s.id)) target.append(h("option", { value: s.id }, `${names[s.user] ?? s.user}, shard ${(s.shard ?? []).join(" of ")}`));
      return list.length ? h("table.grid", {}, h("thead", {}, h("tr", {}, ["User", "Shard", "Connected", "Sequence", "Intents"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, list.map((s) => h("tr", { class: s.connected ? "" : "failed" }, h("td", {}, names[s.user] ?? s.user ?? s.id), h("td", {}, (s.shard ?? []).join("/")), h("td", {}, s.connected ? "yes" : "no"), h("td", {}, s.seq ?? 0), h("td", {}, s.intents ?? ""))))) : h("p.muted", {}, "No bot is connected.");
    });
  }
}

/** Everyone's name by their id. */
async function namesById() {
  const people = await get("/control/people");
  return Object.fromEntries(people.map((one) => [one.id, one.global_name ?? one.username]));
}

/** Which route a bucket that refused belongs to, as far as the log of requests still knows. */
async function routesOf429s() {
  const log = await get("/control/requests?status=429&limit=200");
  return Object.fromEntries(log.map((r) => [r.bucket, `${r.method} ${r.route}`]));
}

function verdict(part) {
  const found = part?.findings ?? [];
  return h("td", {}, h("span.verdict", { class: part?.verdict ?? "unchecked", title: found.map((f) => (typeof f === "string" ? f : JSON.stringify(f))).join("\n") }, part?.verdict ?? "unchecked"), found.length ? h("small.findings", {}, typeof found[0] === "string" ? found[0] : JSON.stringify(found[0])) : null);
}

function words({ id, ...rule }) {
  return Object.entries(rule).filter(([, v]) => v !== null && v !== undefined).map(([k, v]) => `${k}=${typeof v === "object" ? JSON.stringify(v) : v}`).join("  ");
}
