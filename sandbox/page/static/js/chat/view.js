/** One channel or thread as one sees it: head, messages, typing line, composer. The main view and the side panel are both one. */
import { emit, on } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { CHANNEL, channelName, findChannel, isThread } from "../core/store.js";
import { Composer } from "../compose/composer.js";
import { avatar } from "../people/avatar.js";
import { markdown } from "../text/render.js";
import { messageActions } from "./actions.js";
import { MessageList } from "./list.js";
import { TypingLine } from "./typing.js";

export class ChatView {
  constructor(channelId, { side = false, tools = [] } = {}) {
    this.channelId = channelId;
    this.side = side;
    this.head = h("header.chat-head");
    this.tools = tools;
    this.list = new MessageList(channelId, { head: () => this.#start() });
    this.typing = new TypingLine(channelId);
    this.composer = new Composer(this);
    messageActions(this.list.list, this);
    this.element = h("section.chat", { class: side ? "side" : "", "aria-label": "Chat" }, this.head, this.list.element, this.composer.element, this.typing.element);
    this.#stop = on("channels", () => this.drawHead());
    this.drawHead();
    this.element.addEventListener("dragover", (e) => e.preventDefault());
    this.element.addEventListener("drop", (e) => {
      e.preventDefault();
      this.composer.addFiles(e.dataTransfer.files);
    });
  }
  #stop;

  drawHead() {
    const found = findChannel(this.channelId);
    if (!found) return;
    const { channel } = found;
    const name = channelName(channel);
    const sign = isThread(channel) ? "thread" : channel.type === CHANNEL.voice ? "voice" : channel.type === CHANNEL.news ? "news" : "hash";
    fill(this.head,
      h("button.icon-button.phone-only", { type: "button", "aria-label": "Channels", onclick: () => emit("toggle-channels") }, icon("menu")),
      channel.recipients ? avatar(channel.recipients.find((u) => u.id) ?? {}, 24) : icon(sign, 22),
      h("h1.chat-title", {}, name),
      channel.topic ? h("div.topic", { title: channel.topic }, markdown(channel.topic.split("\n")[0], found)) : h("span.grow"),
      channel.thread_metadata?.archived ? h("span.tag.quiet", {}, channel.thread_metadata.locked ? "Locked" : "Archived") : null,
      h("div.chat-tools", {}, this.tools.map((make) => make(found))));
    this.composer?.allow();
  }

  #start() {
    const found = findChannel(this.channelId);
    const name = found ? channelName(found.channel) : "";
    const dm = !found?.guild;
    return h("div.channel-start", {}, h("div.channel-start-icon", {}, icon(isThread(found?.channel) ? "thread" : dm ? "person" : "hash", 36)),
      h("h2", {}, dm ? name : isThread(found.channel) ? name : `Welcome to #${name}`),
      h("p", {}, dm ? `This is the start of your direct messages with ${name}.` : isThread(found.channel) ? "This thread began here." : `This is the start of #${name}.`));
  }

  reply(message) {
    this.composer.replyTo(message);
  }
  edit(message) {
    this.composer.edit(message);
  }
  jump(messageId) {
    return this.list.jump(messageId);
  }
  focus() {
    this.composer.focus();
  }
  end() {
    this.#stop();
    this.list.end();
    this.typing.end();
    this.composer.end();
  }
}
