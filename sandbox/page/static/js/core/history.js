/**
 * The messages of each channel that was opened, as a sorted run of what was fetched, kept by the live events. A run may
 * end before the newest message (after a jump into the past); then live messages are only counted until it is whole.
 */
import { emit, on } from "./bus.js";
import { compareIds } from "./ids.js";
import { countInThread, findChannel, state } from "./store.js";

const PAGE = 50;
const MOST_KEPT = 20_000;
const runs = new Map();

class Run {
  messages = [];
  hasOlder = true;
  hasNewer = false;
  loading = null;
  loaded = false;

  index(id) {
    let low = 0;
    let high = this.messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareIds(this.messages[middle].id, id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  find(id) {
    const message = this.messages[this.index(id)];
    return message?.id === id ? message : null;
  }
  put(message) {
    const at = this.index(message.id);
    if (this.messages[at]?.id === message.id) {
      this.messages[at] = { ...this.messages[at], ...message };
      return false;
    }
    this.messages.splice(at, 0, message);
    return true;
  }
  remove(id) {
    const at = this.index(id);
    if (this.messages[at]?.id !== id) return null;
    return this.messages.splice(at, 1)[0];
  }
}

export function runOf(channelId) {
  if (!runs.has(channelId)) runs.set(channelId, new Run());
  return runs.get(channelId);
}

/** Forgets all messages: another person looks now. */
export function forget() {
  runs.clear();
  state.unread.clear();
}

async function fetchPage(channelId, query) {
  const list = await state.acting.rest("GET", `/channels/${channelId}/messages?limit=${PAGE}${query}`);
  return list.sort((a, b) => compareIds(a.id, b.id));
}

/** Fetches the newest page once; later calls give the same promise. */
export function open(channelId) {
  const run = runOf(channelId);
  if (run.loaded && !run.hasNewer) return Promise.resolve(run);
  run.loading ??= fetchPage(channelId, "")
    .then((list) => {
      run.messages = run.hasNewer ? list : merged(run, list);
      run.hasOlder = list.length === PAGE;
      run.hasNewer = false;
      run.loaded = true;
      emit(`messages:${channelId}`, { kind: "reset" });
      return run;
    })
    .finally(() => (run.loading = null));
  return run.loading;
}

/** Keeps what came live while the page was on its way. */
function merged(run, list) {
  const known = new Set(list.map((m) => m.id));
  return [...list, ...run.messages.filter((m) => !known.has(m.id))].sort((a, b) => compareIds(a.id, b.id));
}

/** Fetches the page before what is known; resolves to how many came. */
export async function loadOlder(channelId) {
  const run = runOf(channelId);
  if (!run.hasOlder || run.loading || !run.messages.length) return 0;
  run.loading = fetchPage(channelId, `&before=${run.messages[0].id}`);
  try {
    const list = await run.loading;
    run.messages = [...list, ...run.messages];
    run.hasOlder = list.length === PAGE;
    return list.length;
  } finally {
    run.loading = null;
  }
}

/** Fetches the surroundings of a message, unless it is known. */
export async function openAround(channelId, messageId) {
  const run = runOf(channelId);
  if (run.find(messageId)) return run;
  const list = await fetchPage(channelId, `&around=${messageId}`);
  Object.assign(run, { messages: list, hasOlder: true, hasNewer: true, loaded: true });
  emit(`messages:${channelId}`, { kind: "reset" });
  return run;
}

function patchMessage(channelId, id, change) {
  const message = runs.get(channelId)?.find(id);
  if (!message) return;
  change(message);
  emit(`messages:${channelId}`, { kind: "update", message });
}

on("event:MESSAGE_CREATE", (message) => {
  const channelId = message.channel_id;
  countInThread(message, 1);
  if (message.author?.id) state.users.set(message.author.id, { ...state.users.get(message.author.id), ...message.author });
  state.typing.get(channelId)?.delete(message.author?.id);
  emit(`typing:${channelId}`);
  const run = runs.get(channelId);
  if (run && !run.hasNewer) {
    const added = run.put(message);
    if (run.messages.length > MOST_KEPT) {
      run.messages.splice(0, run.messages.length - MOST_KEPT);
      run.hasOlder = true;
    }
    emit(`messages:${channelId}`, { kind: added ? "add" : "update", message });
  }
  const found = findChannel(channelId);
  if (found?.channel) found.channel.last_message_id = message.id;
  if (message.author?.id !== state.me?.id && !isOpen(channelId)) countUnread(message);
});

function isOpen(channelId) {
  return (state.selected.channelId === channelId || state.selected.threadId === channelId) && document.visibilityState === "visible";
}

function countUnread(message) {
  const unread = state.unread.get(message.channel_id) ?? { count: 0, mentions: 0 };
  unread.count += 1;
  const mine = state.me?.id;
  if (message.mention_everyone || (message.mentions ?? []).some((user) => user.id === mine) || !message.guild_id) unread.mentions += 1;
  state.unread.set(message.channel_id, unread);
  emit("unread", message.channel_id);
}

on("event:MESSAGE_UPDATE", (message) => {
  const run = runs.get(message.channel_id);
  if (!run?.find(message.id)) return;
  run.put(message);
  emit(`messages:${message.channel_id}`, { kind: "update", message: run.find(message.id) });
});

/** A thread changed: the message it began from, or the line that tells of it, is drawn anew. */
on("thread", (thread) => {
  const run = runs.get(thread.parent_id);
  const message = run?.find(thread.id) ?? run?.messages.find((m) => m.type === 18 && m.message_reference?.channel_id === thread.id);
  if (message) emit(`messages:${thread.parent_id}`, { kind: "update", message });
});

function removeOne({ channel_id: channelId, guild_id: guildId }, id) {
  const message = runs.get(channelId)?.remove(id);
  countInThread({ ...message, id, channel_id: channelId, guild_id: guildId }, -1);
  if (message) emit(`messages:${channelId}`, { kind: "remove", message });
}

on("event:MESSAGE_DELETE", (d) => removeOne(d, d.id));
on("event:MESSAGE_DELETE_BULK", (d) => d.ids.forEach((id) => removeOne(d, id)));
on("event:MESSAGE_REACTION_ADD", (d) => patchMessage(d.channel_id, d.message_id, (m) => react(m, d, 1)));
on("event:MESSAGE_REACTION_REMOVE", (d) => patchMessage(d.channel_id, d.message_id, (m) => react(m, d, -1)));
on("event:MESSAGE_REACTION_REMOVE_ALL", (d) => patchMessage(d.channel_id, d.message_id, (m) => (m.reactions = [])));
on("event:MESSAGE_REACTION_REMOVE_EMOJI", (d) =>
  patchMessage(d.channel_id, d.message_id, (m) => (m.reactions = (m.reactions ?? []).filter((r) => !sameEmoji(r.emoji, d.emoji)))),
);

export const sameEmoji = (a, b) => (a.id ?? a.name) === (b.id ?? b.name);

function react(message, { emoji, user_id: userId }, step) {
  const list = (message.reactions ??= []);
  let reaction = list.find((r) => sameEmoji(r.emoji, emoji));
  if (!reaction) list.push((reaction = { emoji, count: 0, me: false }));
  reaction.count += step;
  if (userId === state.me?.id) reaction.me = step > 0;
  if (reaction.count <= 0) message.reactions = list.filter((r) => r !== reaction);
}

on("channel-gone", (id) => runs.delete(id));
