/** The menu under a server's name. */
import { emit } from "../core/bus.js";
import { attempt, confirmFirst, menu } from "../core/layers.js";
import { mayInGuild, state } from "../core/store.js";
import { newChannel } from "./create.js";
import { openAudit } from "./audit.js";
import { editRoles } from "./roles.js";
import { editServer } from "./settings.js";

export function guildMenu(anchor, guild) {
  const rest = (method, path) => attempt(() => state.acting.rest(method, path));
  menu(anchor, [
    mayInGuild("MANAGE_GUILD", guild) && { label: "Server settings", icon: "gear", action: () => editServer(guild) },
    { label: mayInGuild("MANAGE_ROLES", guild) ? "Roles and permissions" : "Roles and what they may do", icon: "crown", action: () => editRoles(guild) },
    mayInGuild("MANAGE_CHANNELS", guild) && { label: "Create a channel", icon: "plus", action: () => newChannel(guild, null) },
    mayInGuild("MANAGE_CHANNELS", guild) && { label: "Create a category", icon: "plus", action: () => newChannel(guild, null, 4) },
    mayInGuild("VIEW_AUDIT_LOG", guild) && { label: "Audit log", icon: "file", action: () => openAudit(guild) },
    { label: "Members", icon: "people", action: () => emit("toggle-members") },
    "-",
    guild.owner_id !== state.me.id && { label: "Leave the server", icon: "close", danger: true, action: async () => (await confirmFirst(`Leave ${guild.name}?`, "You can come back when somebody adds you.", "Leave")) && rest("DELETE", `/users/@me/guilds/${guild.id}`) },
    guild.owner_id === state.me.id && { label: "Delete the server", icon: "trash", danger: true, action: async () => (await confirmFirst(`Delete ${guild.name}?`, "Everything in it is gone.")) && attempt(() => state.acting.control("DELETE", `/guilds/${guild.id}`)) },
  ].filter(Boolean), { label: `Actions for ${guild.name}` });
}
