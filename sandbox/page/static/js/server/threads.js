/** Making threads, and the list of a channel's threads. */
import { emit } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { attempt, dialog, popover } from "../core/layers.js";
import { state, threadsOf } from "../core/store.js";
import { field } from "./create.js";

export function newThreadFrom(message) {
  const view = dialog({ title: "Create a thread" });
  const name = h("input", { type: "text", required: true, maxlength: 100, value: (message.content || "New thread").split("\n")[0].slice(0, 60) });
  fill(view.body, h("form", { onsubmit: async (e) => {
    e.preventDefault();
    const made = await attempt(() => state.acting.rest("POST", `/channels/${message.channel_id}/messages/${message.id}/threads`, { name: name.value }));
    if (made) {
      view.close();
      emit("go", { channelId: made.id });
    }
  } }, field("Name", name), h("div.dialog-actions", {}, h("button.secondary", { type: "button", onclick: () => view.close() }, "Cancel"), h("button.primary", { type: "submit" }, "Create"))));
}

/** The threads of a channel, archived ones included, in a popover. */
export async function threadPicker(anchor, { guild, channel }) {
  const { box, close, place } = popover(anchor, { className: "thread-picker", label: "Threads" });
  const row = (thread) => h("button.option", { type: "button", onclick: () => { close(); emit("go", { channelId: thread.id }); } }, icon(thread.thread_metadata?.archived ? "lock" : "thread", 16), h("span", {}, thread.name, h("small", {}, `${thread.message_count ?? 0} messages`)));
  const active = threadsOf(guild, channel.id);
  fill(box, h("h3", {}, "Threads"), active.length ? active.map(row) : h("p.muted", {}, "No open threads"));
  place();
  const archived = await attempt(() => state.acting.rest("GET", `/channels/${channel.id}/threads/archived/public`));
  if (archived?.threads?.length) {
    for (const thread of archived.threads) if (!guild.threads.has(thread.id)) guild.threads.set(thread.id, { ...thread, guild_id: guild.id });
    box.append(h("h3", {}, "Archived"), ...archived.threads.map(row));
    place();
  }
}
