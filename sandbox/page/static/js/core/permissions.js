/** Discord's permission bits, computed as Discord documents them (Permissions: hierarchy and overwrites). */

export const BITS = {
  CREATE_INSTANT_INVITE: 0, KICK_MEMBERS: 1, BAN_MEMBERS: 2, ADMINISTRATOR: 3, MANAGE_CHANNELS: 4, MANAGE_GUILD: 5,
  ADD_REACTIONS: 6, VIEW_AUDIT_LOG: 7, PRIORITY_SPEAKER: 8, STREAM: 9, VIEW_CHANNEL: 10, SEND_MESSAGES: 11,
  SEND_TTS_MESSAGES: 12, MANAGE_MESSAGES: 13, EMBED_LINKS: 14, ATTACH_FILES: 15, READ_MESSAGE_HISTORY: 16,
  MENTION_EVERYONE: 17, USE_EXTERNAL_EMOJIS: 18, CONNECT: 20, SPEAK: 21, MUTE_MEMBERS: 22, DEAFEN_MEMBERS: 23,
  MOVE_MEMBERS: 24, CHANGE_NICKNAME: 26, MANAGE_NICKNAMES: 27, MANAGE_ROLES: 28, MANAGE_WEBHOOKS: 29,
  MANAGE_GUILD_EXPRESSIONS: 30, USE_APPLICATION_COMMANDS: 31, MANAGE_EVENTS: 33, MANAGE_THREADS: 34,
  CREATE_PUBLIC_THREADS: 35, CREATE_PRIVATE_THREADS: 36, SEND_MESSAGES_IN_THREADS: 38, MODERATE_MEMBERS: 40,
  PIN_MESSAGES: 51,
};

const bit = (name) => 1n << BigInt(BITS[name]);
const ALL = (1n << 60n) - 1n;
const QUIET = (1n << 10n) | (1n << 16n);

/** Whether a member is timed out now: they may look and read, no more. */
function timedOut(member) {
  return Boolean(member?.communication_disabled_until) && new Date(member.communication_disabled_until) > new Date();
}

/** The person's permissions in a guild, as a BigInt. */
export function guildPermissions(guild, userId) {
  if (guild.owner_id === userId) return ALL;
  const member = guild.members.get(userId);
  let bits = BigInt(guild.roles.get(guild.id)?.permissions ?? 0);
  for (const role of member?.roles ?? []) bits |= BigInt(guild.roles.get(role)?.permissions ?? 0);
  if (bits & bit("ADMINISTRATOR")) return ALL;
  return timedOut(member) ? bits & QUIET : bits;
}

/** The person's permissions in a channel or in a thread's parent. */
export function channelPermissions(guild, channel, userId) {
  const base = guildPermissions(guild, userId);
  if (base === ALL) return base;
  const holder = channel.thread_metadata ? (guild.channels.get(channel.parent_id) ?? channel) : channel;
  const overwrites = new Map((holder.permission_overwrites ?? []).map((o) => [o.id, o]));
  const apply = (bits, deny, allow) => (bits & ~deny) | allow;
  let bits = base;
  const everyone = overwrites.get(guild.id);
  if (everyone) bits = apply(bits, BigInt(everyone.deny), BigInt(everyone.allow));
  let deny = 0n;
  let allow = 0n;
  for (const role of guild.members.get(userId)?.roles ?? []) {
    deny |= BigInt(overwrites.get(role)?.deny ?? 0);
    allow |= BigInt(overwrites.get(role)?.allow ?? 0);
  }
  bits = apply(bits, deny, allow);
  const own = overwrites.get(userId);
  if (own) bits = apply(bits, BigInt(own.deny), BigInt(own.allow));
  return timedOut(guild.members.get(userId)) ? bits & QUIET : bits;
}

/** Whether bits hold a permission. */
export function has(bits, name) {
  return (bits & bit(name)) !== 0n;
}

/** The name of a permission in words. */
export function inWords(name) {
  const text = name.toLowerCase().replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}
