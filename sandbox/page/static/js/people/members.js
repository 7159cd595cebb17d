/** The members of a server at the right edge, grouped by the roles that are shown apart. */
import { emit, on } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { channelPermissions, has } from "../core/permissions.js";
import { colourIn, findChannel, nameIn, state } from "../core/store.js";
import { avatar } from "./avatar.js";

const MOST_SHOWN = 200;

export function memberList() {
  const element = h("aside.members", { "aria-label": "Members" });
  const draw = () => {
    const found = findChannel(state.selected.channelId);
    const guild = found?.guild ?? state.guilds.get(state.selected.guildId);
    element.classList.toggle("empty", !guild);
    if (!guild) return fill(element);
    const here = [...guild.members.values()].filter((m) => !found?.guild || has(channelPermissions(guild, found.channel, m.user.id), "VIEW_CHANNEL"));
    const groups = new Map();
    for (const member of here.slice(0, 5000)) {
      const role = groupOf(guild, member);
      const key = role?.id ?? (member.user.bot ? "apps" : "members");
      if (!groups.has(key)) groups.set(key, { name: role?.name ?? (member.user.bot ? "Apps" : "Members"), position: role?.position ?? (member.user.bot ? -1 : 0), members: [] });
      groups.get(key).members.push(member);
    }
    const sorted = [...groups.values()].sort((a, b) => b.position - a.position);
    return fill(element, sorted.map((group) => h("section", { "aria-label": `${group.name}, ${group.members.length}` }, h("h2.member-group", {}, `${group.name} — ${group.members.length}`),
      group.members.sort((a, b) => nameIn(guild, a.user.id, a.user).localeCompare(nameIn(guild, b.user.id, b.user))).slice(0, MOST_SHOWN).map((m) => row(guild, m)))));
  };
  for (const topic of ["snapshot", "selected", "members", "roles"]) on(topic, draw);
  return element;
}

function groupOf(guild, member) {
  return member.roles.map((id) => guild.roles.get(id)).filter((r) => r?.hoist).sort((a, b) => b.position - a.position)[0] ?? null;
}

function row(guild, member) {
  const { user } = member;
  const colour = colourIn(guild, user.id);
  return h("button.member", { type: "button", onclick: (e) => emit("show-user", { id: user.id, user, guild, anchor: e.currentTarget, side: "left" }) }, avatar(user, 32),
    h("span.member-name", { style: colour ? { color: colour } : {} }, nameIn(guild, user.id, user)), guild.owner_id === user.id ? h("span.owner", { title: "Owner" }, icon("crown", 14)) : null, user.bot ? h("span.tag", {}, "APP") : null);
}
