/**
 * What the person at the page knows: guilds, channels, threads, roles, members, users, direct messages. It is filled by
 * the snapshot and kept by the events; messages are kept by `history.js`. Nothing here touches the document.
 */
import { emit } from "./bus.js";
import { channelPermissions, guildPermissions, has } from "./permissions.js";

export const state = {
  me: null,
  people: [],
  acting: null,
  guilds: new Map(),
  dms: new Map(),
  users: new Map(),
  typing: new Map(),
  unread: new Map(),
  selected: { guildId: null, channelId: null, threadId: null },
  connection: "closed",
};

export const CHANNEL = {
  text: 0, dm: 1, voice: 2, group: 3, category: 4, news: 5, newsThread: 10, thread: 11, privateThread: 12, stage: 13, forum: 15, media: 16,
};
const EPHEMERAL = 64;
export const isThread = (channel) => Boolean(channel) && channel.type >= 10 && channel.type <= 12;
export const isForum = (channel) => channel?.type === CHANNEL.forum || channel?.type === CHANNEL.media;

const byId = (list) => new Map((list ?? []).map((item) => [item.id, item]));

function learnUser(user) {
  if (user?.id) state.users.set(user.id, { ...state.users.get(user.id), ...user });
}

function toGuild(data) {
  const guild = { ...data, channels: byId(data.channels), threads: byId(data.threads), roles: byId(data.roles), members: new Map() };
  for (const member of data.members ?? []) {
    learnUser(member.user);
    guild.members.set(member.user.id, member);
  }
  return guild;
}

/** Takes a snapshot: everything anew. */
export function takeSnapshot(data) {
  state.me = data.me ?? state.me;
  learnUser(state.me);
  // A guild stays the same object, for open dialogs and views hold on to it.
  const before = state.guilds;
  state.guilds = new Map((data.guilds ?? []).map((guild) => [guild.id, Object.assign(before.get(guild.id) ?? {}, toGuild(guild))]));
  state.dms = byId(data.dms);
  for (const dm of state.dms.values()) (dm.recipients ?? []).forEach(learnUser);
  emit("snapshot");
}

/** The guild and the channel or thread of an id; {guild: null} for direct messages. */
export function findChannel(id) {
  if (!id) return null;
  for (const guild of state.guilds.values()) {
    const channel = guild.channels.get(id) ?? guild.threads.get(id);
    if (channel) return { guild, channel };
  }
  const dm = state.dms.get(id);
  return dm ? { guild: null, channel: dm } : null;
}

export function userName(user) {
  return user?.global_name || user?.username || "someone";
}

/** A person's name in a guild: nickname, display name, user name. */
export function nameIn(guild, userId, user = state.users.get(userId)) {
  return guild?.members.get(userId)?.nick || userName(user);
}

/** The colour of a member, as CSS: that of the highest role that has one, as dark or light as the theme needs it to be
 * read; empty for none. */
export function colourIn(guild, userId) {
  let best = null;
  for (const id of guild?.members.get(userId)?.roles ?? []) {
    const role = guild.roles.get(id);
    if (role && colourOf(role) && (!best || role.position > best.position)) best = role;
  }
  if (!best) return "";
  return `oklch(from #${colourOf(best).toString(16).padStart(6, "0")} clamp(var(--role-darkest), l, var(--role-lightest)) c h)`;
}

export function colourOf(role) {
  return role.colors?.primary_color ?? role.color ?? 0;
}

/** The name of a channel as people see it. */
export function channelName(channel) {
  if (channel.name) return channel.name;
  const others = (channel.recipients ?? []).filter((user) => user.id !== state.me?.id);
  return others.map(userName).join(", ") || "Direct message";
}

/** Whether the person may do something in a channel; in direct messages everything. */
export function may(permission, channelId) {
  const found = findChannel(channelId);
  if (!found) return false;
  if (!found.guild) return true;
  return has(channelPermissions(found.guild, found.channel, state.me.id), permission);
}

export function mayInGuild(permission, guild) {
  return Boolean(guild) && has(guildPermissions(guild, state.me.id), permission);
}

/** Whether the person is above a role or a member in the guild's order. */
export function isAbove(guild, position) {
  return guild.owner_id === state.me.id || highest(guild, state.me.id) > position;
}

export function highest(guild, userId) {
  return Math.max(0, ...(guild.members.get(userId)?.roles ?? []).map((id) => guild.roles.get(id)?.position ?? 0));
}

/** The channels of a guild in the order of the sidebar: [{category|null, channels}]. */
export function channelTree(guild) {
  const order = (a, b) => isVoice(a) - isVoice(b) || a.position - b.position || (BigInt(a.id) < BigInt(b.id) ? -1 : 1);
  const all = [...guild.channels.values()];
  const groups = [{ category: null, channels: all.filter((c) => c.type !== 4 && !guild.channels.has(c.parent_id)).sort(order) }];
  for (const category of all.filter((c) => c.type === CHANNEL.category).sort((a, b) => a.position - b.position)) {
    groups.push({ category, channels: all.filter((c) => c.parent_id === category.id).sort(order) });
  }
  return groups;
}

const isVoice = (channel) => Number(channel.type === CHANNEL.voice || channel.type === CHANNEL.stage);

/** The threads of a channel that are not archived, newest last. */
export function threadsOf(guild, channelId) {
  return [...guild.threads.values()]
    .filter((t) => t.parent_id === channelId && !t.thread_metadata?.archived)
    .sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
}

function upsertChannel(data) {
  const guild = state.guilds.get(data.guild_id);
  if (guild) {
    const shelf = isThread(data) ? guild.threads : guild.channels;
    shelf.set(data.id, { ...shelf.get(data.id), ...data });
    emit("channels", data);
  } else if (data.type === CHANNEL.dm || data.type === CHANNEL.group) {
    state.dms.set(data.id, { ...state.dms.get(data.id), ...data });
    (data.recipients ?? []).forEach(learnUser);
    emit("channels", data);
  }
}

function upsertThread(data) {
  upsertChannel(data);
  emit("thread", data);
}

function removeChannel(data) {
  const guild = state.guilds.get(data.guild_id);
  guild?.channels.delete(data.id);
  guild?.threads.delete(data.id);
  state.dms.delete(data.id);
  emit("channels", data);
  emit("channel-gone", data.id);
}

function upsertMember(data) {
  const guild = state.guilds.get(data.guild_id);
  if (!guild || !data.user) return;
  learnUser(data.user);
  guild.members.set(data.user.id, { ...guild.members.get(data.user.id), ...data });
  emit("members", guild.id);
  if (data.user.id === state.me?.id) emit("refresh");
}

/** A message came into a thread or left it: only the clients count that, no THREAD_UPDATE is sent. */
export function countInThread(message, step) {
  const thread = state.guilds.get(message.guild_id)?.threads.get(message.channel_id);
  if (!thread || message.id === thread.id || message.type === 21 || message.flags & EPHEMERAL) return;
  thread.message_count = Math.max(0, (thread.message_count ?? 0) + step);
  emit("thread", thread);
}

const HANDLERS = {
  SNAPSHOT: takeSnapshot,
  GUILD_CREATE: (d) => {
    state.guilds.set(d.id, Object.assign(state.guilds.get(d.id) ?? {}, toGuild(d)));
    emit("snapshot");
    emit("refresh");
  },
  GUILD_UPDATE: (d) => {
    const guild = state.guilds.get(d.id);
    if (!guild) return;
    const { channels, threads, roles, members, ...plain } = d;
    Object.assign(guild, plain);
    emit("channels", d);
  },
  GUILD_DELETE: (d) => {
    state.guilds.delete(d.id);
    emit("snapshot");
  },
  CHANNEL_CREATE: (d) => {
    upsertChannel(d);
    emit("refresh");
  },
  CHANNEL_UPDATE: (d) => {
    upsertChannel(d);
    emit("refresh");
  },
  CHANNEL_DELETE: removeChannel,
  THREAD_CREATE: upsertThread,
  THREAD_UPDATE: upsertThread,
  THREAD_DELETE: removeChannel,
  THREAD_LIST_SYNC: (d) => (d.threads ?? []).forEach((t) => upsertChannel({ ...t, guild_id: d.guild_id })),
  GUILD_ROLE_CREATE: upsertRole,
  GUILD_ROLE_UPDATE: upsertRole,
  GUILD_ROLE_DELETE: (d) => {
    state.guilds.get(d.guild_id)?.roles.delete(d.role_id);
    emit("roles", d.guild_id);
    emit("refresh");
  },
  GUILD_MEMBER_ADD: upsertMember,
  GUILD_MEMBER_UPDATE: upsertMember,
  GUILD_MEMBER_REMOVE: (d) => {
    state.guilds.get(d.guild_id)?.members.delete(d.user.id);
    emit("members", d.guild_id);
  },
  TYPING_START: (d) => {
    if (d.user_id === state.me?.id) return;
    if (!state.typing.has(d.channel_id)) state.typing.set(d.channel_id, new Map());
    state.typing.get(d.channel_id).set(d.user_id, Date.now() + 10_000);
    emit(`typing:${d.channel_id}`);
  },
  USER_UPDATE: (d) => learnUser(d),
};

function upsertRole(d) {
  const guild = state.guilds.get(d.guild_id);
  if (!guild) return;
  guild.roles.set(d.role.id, d.role);
  emit("roles", d.guild_id);
  emit("refresh");
}

/** Takes one event of the person's stream. */
export function takeEvent(name, data) {
  HANDLERS[name]?.(data);
  emit(`event:${name}`, data);
}
