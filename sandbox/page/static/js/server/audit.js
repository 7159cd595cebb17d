/** The audit log of a server. */
import { fill, h } from "../core/dom.js";
import { attempt, dialog } from "../core/layers.js";
import { timeOf } from "../core/ids.js";
import { nameIn, state } from "../core/store.js";
import { avatar } from "../people/avatar.js";
import { friendly } from "../text/times.js";

const ACTIONS = {
  1: "changed the server", 10: "created a channel", 11: "changed a channel", 12: "deleted a channel", 13: "set permissions in a channel", 14: "changed permissions in a channel",
  15: "removed permissions from a channel", 20: "kicked a member", 21: "pruned members", 22: "banned a member", 23: "unbanned a member", 24: "changed a member", 25: "changed a member's roles",
  30: "created a role", 31: "changed a role", 32: "deleted a role", 40: "created an invite", 42: "deleted an invite", 50: "created a webhook", 51: "changed a webhook", 52: "deleted a webhook",
  60: "created an emoji", 61: "changed an emoji", 62: "deleted an emoji", 72: "deleted a message", 73: "deleted messages", 74: "pinned a message", 75: "unpinned a message",
  100: "planned an event", 101: "changed an event", 102: "deleted an event", 140: "created an AutoMod rule", 141: "changed an AutoMod rule", 142: "deleted an AutoMod rule",
  110: "created a thread", 111: "changed a thread", 112: "deleted a thread",
};

export async function openAudit(guild) {
  const view = dialog({ title: "Audit log", wide: true });
  fill(view.body, h("p.muted", {}, "Loading"));
  const log = await attempt(() => state.acting.rest("GET", `/guilds/${guild.id}/audit-logs?limit=100`));
  const entries = log?.audit_log_entries ?? [];
  fill(view.body, entries.length ? h("ol.audit", {}, entries.map((entry) => h("li", {}, avatar(state.users.get(entry.user_id), 28),
    h("div", {}, h("b", {}, nameIn(guild, entry.user_id)), ` ${ACTIONS[entry.action_type] ?? `did action ${entry.action_type}`} `, h("code.inline", {}, nameOf(guild, entry)),
      h("small", {}, friendly(timeOf(entry.id)), entry.reason ? ` · ${entry.reason}` : "", (entry.changes ?? []).map((c) => ` · ${c.key}: ${short(c.old_value)} → ${short(c.new_value)}`)))))) : h("p.muted", {}, "Nothing was done here yet."));
}

const short = (value) => (value === undefined ? "nothing" : JSON.stringify(value).slice(0, 60));

function nameOf(guild, entry) {
  const id = entry.target_id;
  if (!id) return "";
  const name = (entry.changes ?? []).find((c) => c.key === "name");
  return guild.channels.get(id)?.name ?? guild.threads.get(id)?.name ?? guild.roles.get(id)?.name ?? (guild.members.has(id) ? nameIn(guild, id) : (name?.old_value ?? name?.new_value ?? id));
}
