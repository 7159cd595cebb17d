/** The servers at the left edge, direct messages above them. */
import { emit, on } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { state } from "../core/store.js";
import { hueOf, initials } from "../people/avatar.js";
import { newServer } from "./create.js";

export function rail() {
  const element = h("nav.rail", { "aria-label": "Servers" });
  const draw = () => {
    const selected = state.selected.guildId;
    const unreadIn = (ids) => ids.reduce((sum, id) => ({ count: sum.count + (state.unread.get(id)?.count ?? 0), mentions: sum.mentions + (state.unread.get(id)?.mentions ?? 0) }), { count: 0, mentions: 0 });
    const dms = unreadIn([...state.dms.keys()]);
    fill(element,
      server({ label: "Direct messages", current: selected === "@me", unread: dms, onclick: () => emit("go-guild", "@me") }, icon("person", 24)),
      h("div.rail-line", { role: "separator" }),
      [...state.guilds.values()].map((guild) => server({
        label: guild.name, current: selected === guild.id, hue: hueOf(guild.id), unread: unreadIn([...guild.channels.keys(), ...guild.threads.keys()]), onclick: () => emit("go-guild", guild.id),
      }, initials(guild.name))),
      h("button.server.add", { type: "button", "aria-label": "Add a server", title: "Add a server", onclick: () => newServer() }, icon("plus", 22)));
  };
  for (const topic of ["snapshot", "selected", "unread", "channels"]) on(topic, draw);
  return element;
}

function server({ label, current, hue, unread, onclick }, content) {
  const said = unread.mentions ? `${label}, ${unread.mentions} mentions` : unread.count ? `${label}, unread` : label;
  return h("div.server-slot", { class: `${current ? "current" : ""} ${unread.count ? "unread" : ""}` },
    h("span.server-mark", { "aria-hidden": "true" }),
    h("button.server", { type: "button", "aria-label": said, title: label, "aria-current": current ? "page" : null, style: hue === undefined ? {} : { "--hue": hue }, class: hue === undefined ? "" : "coloured", onclick }, content),
    unread.mentions ? h("span.badge", { "aria-hidden": "true" }, unread.mentions) : null);
}
