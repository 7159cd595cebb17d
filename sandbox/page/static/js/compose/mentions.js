/** What can be completed in a message: @people and @roles, #channels, :emoji:. */
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { channelName, colourOf, nameIn } from "../core/store.js";
import { avatar } from "../people/avatar.js";
import { EMOJI } from "../text/emoji.js";

const MOST = 8;

/** The word before the cursor that asks for completion: {sign, word, start}; null for none. */
export function wordAt(text, cursor) {
  const match = /(?:^|\s)([@#:])([\p{L}\p{N}_+-]*)$/u.exec(text.slice(0, cursor));
  if (!match || (match[1] === ":" && match[2].length < 2)) return null;
  return { sign: match[1], word: match[2].toLowerCase(), start: cursor - match[2].length - 1 };
}

/** The suggestions for a word. */
export function suggestionsFor({ sign, word }, guild) {
  const fits = (text) => text?.toLowerCase().includes(word);
  if (sign === "@" && guild) return [...peopleLike(guild, fits), ...rolesLike(guild, fits)].slice(0, MOST);
  if (sign === "#" && guild) return [...guild.channels.values(), ...guild.threads.values()].filter((c) => c.type !== 4 && fits(c.name)).slice(0, MOST)
    .map((c) => ({ lead: icon(c.type === 2 ? "voice" : c.thread_metadata ? "thread" : "hash", 18), text: channelName(c), insert: `<#${c.id}>`, value: c.id }));
  if (sign === ":") return EMOJI.filter((e) => e.names.some((n) => n.includes(word))).slice(0, MOST).map((e) => ({ lead: h("span", {}, e.char), text: `:${e.names[0]}:`, insert: e.char }));
  return [];
}

export function peopleLike(guild, fits) {
  return [...guild.members.values()].filter((m) => fits(nameIn(guild, m.user.id, m.user)) || fits(m.user.username))
    .map((m) => ({ lead: avatar(m.user, 24), text: nameIn(guild, m.user.id, m.user), detail: m.user.username, insert: `<@${m.user.id}>`, value: m.user.id }));
}

export function rolesLike(guild, fits) {
  return [...guild.roles.values()].filter((r) => r.id !== guild.id && fits(r.name))
    .map((r) => ({ lead: h("span.role-dot", { style: { "--dot": colourOf(r) ? `#${colourOf(r).toString(16).padStart(6, "0")}` : "var(--muted)" } }), text: `@${r.name}`, insert: `<@&${r.id}>`, value: r.id }));
}
