/** Slash commands and context menu commands: what there is in a channel, and using one. */
import { emit } from "../core/bus.js";
import { attempt, toast } from "../core/layers.js";
import { state } from "../core/store.js";

const KEEP_MS = 10_000;
const cache = new Map();

/** The commands of a type (1 slash, 2 user, 3 message) that the person may use in a channel. */
export async function commandsIn(channelId, type = 1) {
  const key = `${state.me?.id}:${channelId}:${type}`;
  const known = cache.get(key);
  if (known && Date.now() - known.at < KEEP_MS) return known.list;
  const list = (await state.acting.control("GET", `/channels/${channelId}/commands?type=${type}`)) ?? [];
  cache.set(key, { at: Date.now(), list });
  return list;
}

/** Slash commands with groups and subcommands flattened: [{name: "request new", description, options, command}]. */
export function flattened(commands) {
  const out = [];
  for (const command of commands) {
    const subs = (command.options ?? []).filter((o) => o.type === 1 || o.type === 2);
    if (!subs.length) out.push({ name: command.name, description: command.description, options: command.options ?? [], command });
    for (const sub of subs) {
      const inner = sub.type === 2 ? (sub.options ?? []).map((s) => [`${sub.name} ${s.name}`, s]) : [[sub.name, sub]];
      for (const [name, leaf] of inner) out.push({ name: `${command.name} ${name}`, description: leaf.description, options: leaf.options ?? [], command });
    }
  }
  return out;
}

/** Uses a slash command; `options` by name, files as File. Resolves to the interaction, undefined where it was refused. */
export function useCommand(channelId, name, options) {
  const files = Object.entries(options).filter(([, value]) => value instanceof File);
  const plain = Object.fromEntries(Object.entries(options).filter(([, value]) => !(value instanceof File)));
  let body = { name, type: 1, options: plain };
  if (files.length) {
    const form = new FormData();
    form.append("payload_json", JSON.stringify(body));
    for (const [option, file] of files) form.append(`files[${option}]`, file, file.name);
    body = form;
  }
  return interact(channelId, `/${name}`, () => state.acting.control("POST", `/channels/${channelId}/commands?wait=5`, body));
}

/** Uses a command of a message's or a person's menu. */
export function useContextCommand(command, channelId, targetId) {
  const body = { name: command.name, type: command.type, target_id: targetId };
  return interact(channelId, command.name, () => state.acting.control("POST", `/channels/${channelId}/commands?wait=5`, body));
}

async function interact(channelId, name, send) {
  const pending = { channelId, name };
  emit("interaction-pending", pending);
  const result = await attempt(send);
  emit("interaction-settled", pending);
  if (result?.state === "failed") toast(`${name}: the application did not respond.`, { kind: "error" });
  if (result?.modal) emit("open-modal", { id: result.id, modal: result.modal });
  return result;
}

/** Choices for the option that is being written. */
export async function choicesFor(channelId, name, options, focused) {
  const answer = await state.acting.control("POST", `/channels/${channelId}/autocomplete`, { name, options, focused });
  return answer?.choices ?? [];
}
