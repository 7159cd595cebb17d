/** Ctrl+K: go anywhere, become anyone, use any command, by a few letters. */
import { emit } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { attempt, dialog } from "../core/layers.js";
import { channelName, state, userName } from "../core/store.js";
import { channelSign } from "../server/channels.js";
import { avatar } from "../people/avatar.js";
import { commandsIn, flattened } from "../compose/commands.js";
import { toggleTheme } from "./theme.js";

const MOST = 12;

async function entries() {
  const list = [];
  for (const guild of state.guilds.values()) {
    for (const channel of [...guild.channels.values(), ...guild.threads.values()]) if (channel.type !== 4) list.push({ text: channelName(channel), detail: guild.name, lead: icon(channelSign(channel, guild), 18), act: () => emit("go", { channelId: channel.id }) });
  }
  for (const dm of state.dms.values()) list.push({ text: channelName(dm), detail: "Direct message", lead: icon("person", 18), act: () => emit("go", { channelId: dm.id }) });
  for (const person of state.people.filter((p) => !p.bot)) list.push({ text: `Be ${userName(person)}`, detail: "Switch person", lead: avatar(person, 20), act: () => emit("become", person.id) });
  list.push({ text: "Traces", detail: "Panel", lead: icon("trace", 18), act: () => emit("open-panel", "traces") }, { text: "Limits and faults", detail: "Panel", lead: icon("gauge", 18), act: () => emit("open-panel", "lab") },
    { text: "Six things to try", detail: "Panel", lead: icon("guide", 18), act: () => emit("toggle-guide") }, { text: "Light or dark", detail: "Theme", lead: icon("sun", 18), act: toggleTheme });
  const commands = state.selected.channelId ? await attempt(() => commandsIn(state.selected.channelId, 1)) : [];
  for (const entry of flattened(commands ?? [])) list.push({ text: `/${entry.name}`, detail: entry.description, lead: icon("spark", 18), act: () => emit("compose-command", entry.name) });
  return list;
}

/** How well words fit a text: a start beats a word's start beats a part; null for not at all. */
function score(text, words) {
  const lower = text.toLowerCase();
  if (!words) return 0;
  if (lower.startsWith(words)) return 3;
  if (lower.includes(` ${words}`) || lower.includes(`-${words}`) || lower.includes(`/${words}`)) return 2;
  if (lower.includes(words)) return 1;
  let at = 0;
  for (const char of lower) if (char === words[at]) at += 1;
  return at === words.length ? 0.5 : null;
}

export async function quickSwitcher() {
  if (document.querySelector(".quick")) return;
  const view = dialog({ title: "Go to", className: "quick", label: "Go to a channel, a person or a command" });
  const list = h("div.options", { role: "listbox", id: "quick-list" });
  let found = [];
  let at = 0;
  let drawn = null;
  const all = entries();
  const input = h("input", { type: "text", placeholder: "Where to?", role: "combobox", "aria-controls": "quick-list", "aria-expanded": "true", oninput: () => (drawn = render()), onkeydown: async (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = (at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(1, found.length);
      mark();
      event.preventDefault();
    } else if (event.key === "Enter") {
      event.preventDefault();
      await drawn;
      if (found[at]) take(found[at]);
    }
  } });
  fill(view.body, input, list);
  const take = (entry) => {
    view.close();
    entry.act();
  };
  const mark = () => [...list.children].forEach((e, i) => {
    e.setAttribute("aria-selected", String(i === at));
    if (i === at) e.scrollIntoView({ block: "nearest" });
  });
  async function render() {
    const words = input.value.trim().toLowerCase();
    found = (await all).map((entry) => ({ entry, points: score(entry.text, words) })).filter((r) => r.points !== null).sort((a, b) => b.points - a.points).slice(0, MOST).map((r) => r.entry);
    at = 0;
    fill(list, found.length ? found.map((entry) => h("button.option", { type: "button", role: "option", tabindex: -1, onclick: () => take(entry) }, entry.lead, h("span", {}, entry.text, h("small", {}, entry.detail)))) : h("p.muted", {}, "Nothing found"));
    mark();
  }
  drawn = render();
  input.focus();
}
