/** Waiting for what the bot does, without polling: a promise of the first message that fits. */
import { on } from "../core/bus.js";
import { runOf } from "../core/history.js";
import { findChannel, state } from "../core/store.js";

const TIME_MS = 45_000;

/** All components of a message, however deep. */
export function allComponents(message) {
  const out = [];
  const walk = (list) => {
    for (const component of list ?? []) {
      out.push(component);
      walk(component.components);
      if (component.accessory) walk([component.accessory]);
    }
  };
  walk(message.components);
  return out;
}

/** A button that may be pressed, by a pattern on its label, its emoji or its id. */
export function buttonOf(message, pattern) {
  return allComponents(message).find((c) => c.type === 2 && !c.disabled && c.custom_id && (pattern.test(c.label ?? "") || pattern.test(c.emoji?.name ?? "") || pattern.test(c.custom_id)));
}

/** The first message, new or edited from now on (or there since `since`), that `fits`. */
export function nextMessage(fits, { since = null, channelId = null, timeoutMs = TIME_MS } = {}) {
  return new Promise((resolve, reject) => {
    const stops = [];
    const timer = setTimeout(() => finish(null), timeoutMs);
    const finish = (message) => {
      clearTimeout(timer);
      for (const stop of stops) stop();
      if (message) resolve(message);
      else reject(new Error("The bot did not answer in time."));
    };
    const look = (message) => {
      const whole = runOf(message.channel_id).find(message.id) ?? message;
      if (fits(whole)) finish(whole);
    };
    stops.push(on("event:MESSAGE_CREATE", look), on("event:MESSAGE_UPDATE", look));
    if (since && channelId) for (const message of runOf(channelId).messages) if (BigInt(message.id) > BigInt(since) && fits(message)) return finish(message);
    return undefined;
  });
}

/** The next thread under a channel. */
export function nextThread(parentId, timeoutMs = TIME_MS) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(new Error("No thread was opened in time."));
    }, timeoutMs);
    const stop = on("event:THREAD_CREATE", (thread) => {
      if (thread.parent_id !== parentId) return;
      clearTimeout(timer);
      stop();
      resolve(thread);
    });
  });
}

/** A text channel where the person may write: one of the given names, else the first. */
export function placeFor(...names) {
  const guild = state.guilds.get(state.selected.guildId) ?? [...state.guilds.values()][0];
  const texts = [...(guild?.channels.values() ?? [])].filter((c) => c.type === 0 && findChannel(c.id)).sort((a, b) => a.position - b.position);
  for (const name of names) {
    const found = texts.find((c) => c.name === name);
    if (found) return found;
  }
  return texts[0] ?? null;
}
