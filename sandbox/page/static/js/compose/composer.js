/**
 * The field below the messages: text with completion, files, replies, edits; and slash commands as a form. One class:
 * whichever of these is on decides what every key does.
 */
import { on } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { attempt, toast } from "../core/layers.js";
import { channelName, findChannel, isThread, may, nameIn, state } from "../core/store.js";
import { avatar } from "../people/avatar.js";
import { pickEmoji } from "../message/reactions.js";
import { sizeInWords } from "../message/media.js";
import { typingSender } from "../chat/typing.js";
import { commandsIn, flattened, useCommand } from "./commands.js";
import { CommandForm } from "./form.js";
import { suggestionsFor, wordAt } from "./mentions.js";
import { Suggestions } from "./suggest.js";

const MOST_CHARACTERS = 2000;
const MOST_FILES = 10;

export class Composer {
  #files = [];
  #reply = null;
  #editing = null;
  #form = null;
  #stops = [];

  constructor(view) {
    this.view = view;
    this.channelId = view.channelId;
    this.sayTyping = typingSender(view.channelId);
    this.suggestions = new Suggestions({ label: "Suggestions", onpick: (item) => this.#pick(item) });
    this.field = h("textarea.composer-field", {
      rows: 1, id: view.side ? null : "composer", role: "combobox", "aria-expanded": "false", autocomplete: "off", oninput: () => this.#changed(), onkeydown: (e) => this.#key(e),
      onpaste: (e) => e.clipboardData.files.length && (e.preventDefault(), this.addFiles(e.clipboardData.files)),
      onblur: () => this.suggestions.hide(),
    });
    this.suggestions.attach(this.field);
    this.count = h("span.count", { "aria-live": "polite" });
    this.bar = h("div.reply-bar", { hidden: true });
    this.shelf = h("div.file-shelf", { hidden: true });
    this.fileInput = h("input", { type: "file", multiple: true, hidden: true, onchange: (e) => { this.addFiles(e.target.files); e.target.value = ""; } });
    this.sendButton = h("button.icon-button.send", { type: "button", "aria-label": "Send", onclick: () => this.send() }, icon("send"));
    this.row = h("div.composer-row", {},
      h("button.icon-button", { type: "button", "aria-label": "Add files", title: "Add files", onclick: () => this.fileInput.click() }, icon("clip")),
      this.field, this.count,
      h("button.icon-button", { type: "button", "aria-label": "Emoji", title: "Emoji", onclick: (e) => pickEmoji(e.currentTarget, (char) => this.#insert(char)) }, icon("smile")),
      this.sendButton, this.fileInput);
    this.pending = h("div.pending", { "aria-live": "polite" });
    this.element = h("div.composer", {}, this.pending, this.suggestions.element, this.bar, this.shelf, this.row);
    this.#stops.push(
      on("interaction-pending", (p) => p.channelId === this.channelId && fill(this.pending, h("span.spinner", { "aria-hidden": "true" }), `Sending ${p.name}`)),
      on("interaction-settled", (p) => p.channelId === this.channelId && fill(this.pending)),
      on("compose-command", (name) => !view.side && this.#openCommand(name)),
      on("snapshot", () => this.allow()),
    );
    this.allow();
  }

  end() {
    for (const stop of this.#stops) stop();
  }

  focus() {
    if (this.#form) this.#form.focus();
    else this.field.focus();
  }

  get guild() {
    return findChannel(this.channelId)?.guild ?? null;
  }

  /** Writes what the person may do here into the field. */
  allow() {
    const found = findChannel(this.channelId);
    if (!found) return;
    const right = isThread(found.channel) ? "SEND_MESSAGES_IN_THREADS" : "SEND_MESSAGES";
    const closed = found.channel.thread_metadata?.locked && !may("MANAGE_THREADS", this.channelId);
    const allowed = may(right, this.channelId) && !closed;
    this.field.disabled = !allowed;
    this.field.placeholder = allowed ? `Message ${found.guild && !isThread(found.channel) ? "#" : ""}${channelName(found.channel)}` : "You do not have permission to send messages here";
    this.field.setAttribute("aria-label", this.field.placeholder);
    this.row.classList.toggle("closed", !allowed);
  }

  #changed() {
    this.field.style.setProperty("height", "auto");
    this.field.style.setProperty("height", `${Math.min(this.field.scrollHeight, innerHeight * 0.4)}px`);
    const text = this.field.value;
    this.count.textContent = text.length > MOST_CHARACTERS - 200 ? String(MOST_CHARACTERS - text.length) : "";
    this.count.classList.toggle("over", text.length > MOST_CHARACTERS);
    if (text && !text.startsWith("/")) this.sayTyping();
    this.#complete(text);
  }

  async #complete(text) {
    if (text.startsWith("/") && !this.#editing) return this.#completeCommand(text.slice(1));
    const word = wordAt(text, this.field.selectionStart);
    this.suggestions.show(word ? suggestionsFor(word, this.guild).map((item) => ({ ...item, word })) : []);
    this.field.setAttribute("aria-expanded", String(this.suggestions.open));
  }

  async #completeCommand(typed) {
    const list = await attempt(() => commandsIn(this.channelId, 1));
    if (!list || this.field.value.slice(1) !== typed) return;
    const entries = flattened(list);
    const whole = this.#parsed(entries, typed);
    if (whole && typed.length > whole.entry.name.length) return this.#openForm(whole.entry, whole.given);
    const words = typed.toLowerCase().trim();
    const found = entries.filter((e) => e.name.includes(words) || words.startsWith(`${e.name} `)).sort((a, b) => Number(b.name.startsWith(words)) - Number(a.name.startsWith(words)) || a.name.localeCompare(b.name));
    this.suggestions.show(found.slice(0, 25).map((entry) => ({
      lead: avatar({ id: entry.command.application_id, bot: true }, 28), entry, text: h("b", {}, `/${entry.name}`, ...entry.options.filter((o) => o.required).map((o) => h("span.option-hint", {}, o.name))),
      detail: entry.description,
    })), found.length ? "Commands" : "");
    this.field.setAttribute("aria-expanded", String(this.suggestions.open));
  }

  /** A command that was typed or pasted with its options: "ask prompt: hello" or "ask hello". */
  #parsed(entries, typed) {
    const entry = entries.filter((e) => typed === e.name || typed.startsWith(`${e.name} `)).sort((a, b) => b.name.length - a.name.length)[0];
    if (!entry) return null;
    const names = entry.options.map((o) => o.name);
    const rest = typed.slice(entry.name.length).trim();
    const given = {};
    const pattern = new RegExp(`(?:^|\\s)(${names.map((n) => n.replace(/[^\p{L}\p{N}_-]/gu, "")).join("|") || "$^"}):\\s*`, "gu");
    const marks = [...rest.matchAll(pattern)];
    marks.forEach((mark, i) => (given[mark[1]] = rest.slice(mark.index + mark[0].length, marks[i + 1]?.index ?? rest.length).trim()));
    if (!marks.length && rest && names.length) given[names[0]] = rest;
    return { entry, given };
  }

  async #openCommand(name) {
    const entries = flattened((await attempt(() => commandsIn(this.channelId, 1))) ?? []);
    const entry = entries.find((e) => e.name === name);
    if (entry) this.#openForm(entry, {});
  }

  #openForm(entry, given) {
    if (this.#form) this.#closeForm();
    this.suggestions.hide();
    this.#form = new CommandForm(entry, {
      channelId: this.channelId, guild: this.guild, given,
      onsend: (chosen, options) => {
        this.#closeForm();
        this.field.value = "";
        this.#changed();
        this.field.focus();
        useCommand(this.channelId, chosen.name, options);
      },
      oncancel: () => {
        this.#closeForm();
        this.field.value = `/${entry.name}`;
        this.field.focus();
      },
    });
    this.row.hidden = true;
    this.element.append(this.#form.element);
  }

  #closeForm() {
    this.#form?.element.remove();
    this.#form = null;
    this.row.hidden = false;
  }

  #pick(item) {
    if (item.entry) return this.#use(item.entry, {});
    const { start } = item.word;
    const rest = this.field.value.slice(this.field.selectionStart);
    this.field.value = `${this.field.value.slice(0, start)}${item.insert} ${rest}`;
    const cursor = start + item.insert.length + 1;
    this.field.setSelectionRange(cursor, cursor);
    this.suggestions.hide();
    this.field.focus();
    this.#changed();
    return undefined;
  }

  /** Opens a command's form; one without options is sent at once, however fast its Enter came. */
  #use(entry, given) {
    return entry.options.length ? this.#openForm(entry, given) : this.#sendBare(entry);
  }

  #sendBare(entry) {
    this.field.value = "";
    this.suggestions.hide();
    useCommand(this.channelId, entry.name, {});
  }

  #insert(text) {
    this.field.setRangeText(text, this.field.selectionStart, this.field.selectionEnd, "end");
    this.field.focus();
    this.#changed();
  }

  #key(event) {
    if (this.suggestions.key(event) || event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.send();
    } else if (event.key === "Escape") {
      if (this.#editing || this.#reply) event.preventDefault();
      this.#calm();
    } else if (event.key === "ArrowUp" && !this.field.value) {
      const mine = this.view.list.lastOwn();
      if (mine) {
        event.preventDefault();
        this.edit(mine);
      }
    }
  }

  addFiles(list) {
    for (const file of list) if (this.#files.length < MOST_FILES) this.#files.push(file);
    this.#drawFiles();
    this.field.focus();
  }

  #drawFiles() {
    this.shelf.hidden = !this.#files.length;
    fill(this.shelf, this.#files.map((file, index) => h("div.file-chip", {}, icon("file", 18), h("span", {}, file.name, h("small", {}, sizeInWords(file.size))),
      h("button.icon-button", { type: "button", "aria-label": `Remove ${file.name}`, onclick: () => { this.#files.splice(index, 1); this.#drawFiles(); } }, icon("close", 14)))));
  }

  replyTo(message) {
    this.#editing = null;
    this.#reply = message;
    this.#drawBar(["Replying to ", h("b", {}, nameIn(this.guild, message.author.id, message.author))]);
    this.field.focus();
  }

  edit(message) {
    this.#reply = null;
    this.#editing = message;
    this.field.value = message.content;
    this.#drawBar(["Editing your message"]);
    this.#changed();
    this.field.focus();
  }

  #drawBar(words) {
    this.bar.hidden = false;
    fill(this.bar, h("span", {}, words), h("button.icon-button", { type: "button", "aria-label": "Cancel", onclick: () => this.#calm() }, icon("close", 14)));
  }

  #calm() {
    if (this.#editing) this.field.value = "";
    this.#reply = this.#editing = null;
    this.bar.hidden = true;
    this.#changed();
  }

  async send() {
    const content = this.field.value.trim();
    if (!content && !this.#files.length) return;
    if (content.startsWith("/") && !this.#editing) {
      const entries = flattened((await attempt(() => commandsIn(this.channelId, 1))) ?? []);
      const parsed = this.#parsed(entries, content.slice(1));
      if (parsed) return this.#use(parsed.entry, parsed.given);
    }
    if (content.length > MOST_CHARACTERS) return toast(`A message has at most ${MOST_CHARACTERS} characters.`, { kind: "error" });
    const { acting } = state;
    const path = `/channels/${this.channelId}/messages`;
    const editing = this.#editing;
    const body = { content };
    if (this.#reply) body.message_reference = { message_id: this.#reply.id, channel_id: this.channelId };
    const files = this.#files;
    this.#files = [];
    this.#drawFiles();
    this.#editing = this.#reply = null;
    this.bar.hidden = true;
    this.field.value = "";
    this.#changed();
    const sent = await attempt(() => (editing ? acting.rest("PATCH", `${path}/${editing.id}`, { content }) : acting.rest("POST", path, files.length ? multipart(body, files) : body)));
    if (!sent && !this.field.value) {
      this.field.value = content;
      this.#changed();
    }
    return undefined;
  }
}

function multipart(body, files) {
  const form = new FormData();
  form.append("payload_json", JSON.stringify({ ...body, attachments: files.map((f, id) => ({ id, filename: f.name })) }));
  files.forEach((file, index) => form.append(`files[${index}]`, file, file.name));
  return form;
}

