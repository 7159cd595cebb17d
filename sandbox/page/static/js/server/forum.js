/** A forum: its posts as cards with tags, filtered by tag, and a new post. */
import { emit, on } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { attempt, dialog } from "../core/layers.js";
import { timeOf } from "../core/ids.js";
import { may, nameIn, state } from "../core/store.js";
import { avatar } from "../people/avatar.js";
import { relative } from "../text/times.js";
import { markdown } from "../text/render.js";
import { field } from "./create.js";

export class ForumView {
  #tags = new Set();
  #stop;

  constructor(guild, channelId, tools = []) {
    this.guild = guild;
    this.channelId = channelId;
    this.tools = tools;
    this.element = h("section.forum", { "aria-label": "Forum" });
    this.#stop = on("channels", () => this.draw());
    attempt(() => state.acting.rest("GET", `/channels/${channelId}/threads/archived/public`)).then((list) => {
      for (const thread of list?.threads ?? []) guild.threads.set(thread.id, { ...thread, guild_id: guild.id });
      this.draw();
    });
    this.draw();
  }
  get channel() {
    return this.guild.channels.get(this.channelId);
  }
  draw() {
    const { channel } = this;
    if (!channel) return;
    const tags = channel.available_tags ?? [];
    const posts = [...this.guild.threads.values()].filter((t) => t.parent_id === this.channelId && [...this.#tags].every((id) => t.applied_tags?.includes(id)))
      .sort((a, b) => (BigInt(b.last_message_id ?? b.id) > BigInt(a.last_message_id ?? a.id) ? 1 : -1));
    fill(this.element,
      h("header.chat-head", {}, h("button.icon-button.phone-only", { type: "button", "aria-label": "Channels", onclick: () => emit("toggle-channels") }, icon("menu")), icon("forum", 22), h("h1.chat-title", {}, channel.name),
        channel.topic ? h("div.topic", {}, markdown(channel.topic.split("\n")[0], { guild: this.guild })) : h("span.grow"), h("div.chat-tools", {}, this.tools.map((make) => make({ guild: this.guild, channel })))),
      h("div.forum-bar", {},
        h("div.tag-row", { role: "group", "aria-label": "Filter by tag" }, tags.map((tag) => h("button.tag-button", { type: "button", "aria-pressed": String(this.#tags.has(tag.id)), onclick: () => { this.#tags.has(tag.id) ? this.#tags.delete(tag.id) : this.#tags.add(tag.id); this.draw(); } }, tag.emoji_name ?? null, tag.name))),
        may("SEND_MESSAGES", this.channelId) ? h("button.primary", { type: "button", onclick: () => this.#compose() }, icon("plus", 16), "New post") : null),
      h("div.posts", { role: "list" }, posts.length ? posts.map((post) => this.#card(post, tags)) : h("p.muted.pad", {}, "No posts yet.")));
  }
  #card(post, tags) {
    const owner = state.users.get(post.owner_id);
    return h("button.post", { type: "button", role: "listitem", onclick: () => emit("go", { channelId: post.id }) },
      h("div.post-tags", {}, (post.applied_tags ?? []).map((id) => tags.find((t) => t.id === id)).filter(Boolean).map((t) => h("span.forum-tag", {}, t.emoji_name ?? null, t.name)), post.thread_metadata?.archived ? h("span.tag.quiet", {}, "Archived") : null),
      h("b.post-title", {}, post.name),
      h("small.post-foot", {}, avatar(owner, 18), nameIn(this.guild, post.owner_id, owner), ` · ${post.message_count ?? 0} messages · ${relative(timeOf(post.last_message_id ?? post.id))}`));
  }
  #compose() {
    const { channel } = this;
    const view = dialog({ title: `New post in ${channel.name}` });
    const title = h("input", { type: "text", required: true, maxlength: 100 });
    const text = h("textarea", { rows: 5, required: true, maxlength: 2000 });
    const chosen = new Set();
    fill(view.body, h("form", { onsubmit: async (e) => {
      e.preventDefault();
      const body = { name: title.value, applied_tags: [...chosen], message: { content: text.value } };
      const made = await attempt(() => state.acting.rest("POST", `/channels/${this.channelId}/threads`, body));
      if (made) {
        view.close();
        emit("go", { channelId: made.id });
      }
    } }, field("Title", title), field("Message", text),
    (channel.available_tags ?? []).length ? h("fieldset.check-group", {}, h("legend", {}, "Tags, at most 5"), channel.available_tags.map((t) => h("label.check-row", {}, h("input", { type: "checkbox", onchange: (e) => { e.target.checked ? chosen.add(t.id) : chosen.delete(t.id); } }), t.name))) : null,
    h("div.dialog-actions", {}, h("button.secondary", { type: "button", onclick: () => view.close() }, "Cancel"), h("button.primary", { type: "submit" }, "Post"))));
  }
  focus() {}
  end() {
    this.#stop();
  }
}
