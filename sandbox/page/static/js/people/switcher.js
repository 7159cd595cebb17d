/** Who one is: the card at the foot of the channels, and the list of people to become. */
import { emit, on } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { arrowKeys, attempt, dialog, popover } from "../core/layers.js";
import { get, post } from "../core/api.js";
import { state, userName } from "../core/store.js";
import { field } from "../server/create.js";
import { avatar } from "./avatar.js";

/** What a person is in the server that is shown, by their highest role. */
function standing(person) {
  const guild = state.guilds.get(state.selected.guildId) ?? [...state.guilds.values()][0];
  if (!guild) return "";
  if (guild.owner_id === person.id) return "Owner";
  const roles = (guild.members.get(person.id)?.roles ?? []).map((id) => guild.roles.get(id)).filter(Boolean).sort((a, b) => b.position - a.position);
  return roles.length ? roles.map((r) => r.name).slice(0, 2).join(", ") : guild.members.has(person.id) ? "Member" : "Not in this server";
}

export function meCard() {
  const element = h("footer.me");
  const draw = () => {
    if (!state.me) return;
    fill(element, h("button.me-button", { type: "button", "aria-haspopup": "listbox", "aria-label": `You are ${userName(state.me)}. Be someone else`, onclick: (e) => choose(e.currentTarget) },
      avatar(state.me, 36), h("span.me-name", {}, h("b", {}, userName(state.me)), h("small", {}, standing(state.me))), h("span.switch-word", {}, "Switch"), icon("chevron", 16)));
  };
  for (const topic of ["snapshot", "selected", "members", "roles"]) on(topic, draw);
  return element;
}

export function choose(anchor) {
  const { box, close, place } = popover(anchor, { className: "people-list", label: "Be someone else", side: "top" });
  const people = state.people.filter((p) => !p.bot);
  fill(box, h("h3", {}, "Who are you?"), h("div.options", { role: "listbox", "aria-label": "People" }, people.map((person) => h("button.option", {
    type: "button", role: "option", "aria-selected": String(person.id === state.me.id), onclick: () => { close(); emit("become", person.id); },
  }, avatar(person, 32), h("span", {}, userName(person), h("small", {}, standing(person))), person.id === state.me.id ? icon("check", 16) : null))),
  h("button.option.add", { type: "button", onclick: () => { close(); newPerson(); } }, icon("plus", 16), "Someone new"));
  arrowKeys(box, ".option");
  place();
  queueMicrotask(() => box.querySelector('[aria-selected="true"]')?.focus());
}

function newPerson() {
  const view = dialog({ title: "Someone new" });
  const name = h("input", { type: "text", required: true, maxlength: 32, placeholder: "Robin" });
  fill(view.body, h("form", { onsubmit: async (e) => {
    e.preventDefault();
    const username = name.value.toLowerCase().replace(/[^a-z0-9_.]/g, "_").slice(0, 32);
    const made = await attempt(() => post("/control/people", { username, global_name: name.value, guilds: [...state.guilds.keys()].map((id) => ({ id })) }));
    if (!made) return;
    view.close();
    state.people = await get("/control/people");
    emit("become", made.id);
  } }, h("p.muted", {}, "They join the servers you see, with no roles."), field("Name", name), h("div.dialog-actions", {}, h("button.primary", { type: "submit" }, "Create"))));
}
