/** The demo model's faults: what shall happen to the next answers. */
import { fill, h, refill } from "../core/dom.js";
import { del, get, post } from "../core/api.js";
import { attempt, toast } from "../core/layers.js";

const RENEW_MS = 1500;

export async function modelFaults(place) {
  const contains = h("input", { type: "text", placeholder: "every question", "aria-label": "Only questions that contain" });
  const times = h("input", { type: "number", min: 0, value: 1, "aria-label": "How often; 0 for ever" });
  const list = h("div.lab-live");
  const known = await attempt(() => get("/model/api/rules"));
  if (!known) return;
  const add = (text, rule) => attempt(async () => {
    await post("/model/api/rules", { contains: contains.value, times: Number(times.value), ...rule });
    toast(`The next answer: ${text}`, { seconds: 2 });
  });
  fill(place, h("h2", {}, "What the demo model shall do next"), h("div.trace-search", {}, contains, h("label.inline-label", {}, "Times", times)),
    h("div.fault-buttons", {}, known.faults.map((fault) => h("button.secondary", { type: "button", onclick: () => add(fault, { fault }) }, fault.replaceAll("_", " "))),
      h("button.secondary", { type: "button", onclick: () => add("slow", { tokens_per_second: 4 }) }, "4 tokens a second"), h("button.secondary", { type: "button", onclick: () => add("long", { tokens: 1500, tokens_per_second: 120 }) }, "1,500 tokens")),
    h("p.muted", {}, `Models: ${known.models.join(", ")}. Pace: ${known.tokens_per_second} tokens a second.`), h("h2", {}, "In force"), list);
  const turn = async () => {
    const { rules } = await get("/model/api/rules");
    refill(list, rules, () => (rules.length ? rules.map((rule) => h("div.rule-row", {}, h("code.inline", {}, Object.entries(rule).filter(([k, v]) => k !== "id" && v !== null && v !== "" && !(k === "probability" && v === 1)).map(([k, v]) => `${k}=${typeof v === "object" ? v.kind : v}`).join("  ")),
      h("button.secondary", { type: "button", data: { key: rule.id }, onclick: () => attempt(() => del(`/model/api/rules/${rule.id}`)) }, "Remove"))) : h("p.muted", {}, "It answers as it can.")));
    if (list.isConnected) setTimeout(turn, RENEW_MS);
  };
  await attempt(turn);
}
