/**
 * The options of a slash command as pills in the composer: Tab goes to the next, the list above completes choices,
 * people, roles, channels and what the bot itself suggests.
 */
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { channelName } from "../core/store.js";
import { choicesFor } from "./commands.js";
import { peopleLike, rolesLike } from "./mentions.js";
import { Suggestions } from "./suggest.js";

const TYPE = { string: 3, integer: 4, boolean: 5, user: 6, channel: 7, role: 8, mentionable: 9, number: 10, attachment: 11 };
const WAIT_MS = 180;

export class CommandForm {
  #pills = new Map();
  #timer = 0;
  #asked = 0;

  constructor(entry, { channelId, guild, onsend, oncancel, given = {} }) {
    Object.assign(this, { entry, channelId, guild, onsend, oncancel });
    this.suggestions = new Suggestions({ label: "Choices", onpick: (item) => this.#picked(item) });
    // Where nothing has to be filled in, Enter here uses the command as it is.
    this.name = h("span.command-name", { role: "button", tabindex: entry.options.some((o) => o.required) ? -1 : 0, "aria-label": `Use /${entry.name}`, onkeydown: (e) => this.#nameKey(e) }, `/${entry.name}`);
    this.row = h("div.form-row", {}, this.name);
    this.more = h("button.more-options", { type: "button", onclick: () => this.#addNext() });
    this.note = h("div.form-note", { role: "alert" });
    this.element = h("form.command-form", { "aria-label": `Options of /${entry.name}`, onsubmit: (e) => { e.preventDefault(); this.send(); } },
      this.suggestions.element, this.note, this.row);
    for (const option of entry.options) if (option.required || option.name in given) this.#add(option, given[option.name]);
    this.row.append(this.more);
    this.#offerMore();
    queueMicrotask(() => this.focus());
  }

  focus() {
    const empty = [...this.#pills.values()].find((pill) => !pill.text()) ?? [...this.#pills.values()].at(-1);
    (empty?.field ?? this.name).focus();
  }

  #nameKey(event) {
    if (event.key === "Enter") this.send();
    else if (event.key === "Escape" || event.key === "Backspace") this.oncancel();
    else return;
    event.preventDefault();
  }

  #offerMore() {
    const left = this.entry.options.filter((o) => !this.#pills.has(o.name));
    this.more.hidden = left.length === 0;
    fill(this.more, icon("plus", 14), left.length ? `${left[0].name}${left.length > 1 ? ` and ${left.length - 1} more` : ""}` : "");
    this.more.setAttribute("aria-label", left.length ? `Add the option ${left[0].name}` : "No more options");
  }

  #addNext() {
    const option = this.entry.options.find((o) => !this.#pills.has(o.name));
    if (!option) return;
    this.#add(option).field.focus();
    this.#offerMore();
  }

  #add(option, given) {
    const pill = { option, value: undefined };
    const file = option.type === TYPE.attachment;
    const number = option.type === TYPE.integer || option.type === TYPE.number;
    pill.field = h(file ? "input" : "span.pill-input", file
      ? { type: "file", "aria-label": option.name }
      : { contenteditable: "plaintext-only", role: "textbox", tabindex: 0, "aria-label": `${option.name}: ${option.description}`, inputmode: number ? "decimal" : "text", spellcheck: "false", data: { option: option.name } });
    pill.text = () => (file ? (pill.field.files[0] ? "file" : "") : pill.field.textContent);
    pill.element = h("label.pill", { title: option.description, class: option.required ? "required" : "" }, h("span.pill-name", {}, option.name), pill.field);
    pill.field.addEventListener("focus", () => this.#suggest(pill));
    pill.field.addEventListener("blur", () => this.suggestions.hide());
    pill.field.addEventListener("input", () => {
      pill.value = undefined;
      pill.element.classList.remove("wrong");
      this.#suggest(pill);
    });
    pill.field.addEventListener("keydown", (e) => this.#key(e, pill));
    pill.field.addEventListener("paste", (e) => {
      if (file) return;
      e.preventDefault();
      document.execCommand("insertText", false, e.clipboardData.getData("text/plain"));
    });
    if (given && !file) pill.field.textContent = given;
    this.suggestions.attach(pill.field);
    this.#pills.set(option.name, pill);
    this.row.insertBefore(pill.element, this.more.isConnected ? this.more : null);
    return pill;
  }

  #key(event, pill) {
    if (this.suggestions.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.send();
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.oncancel();
    } else if (event.key === "Tab" && !event.shiftKey && pill === [...this.#pills.values()].at(-1) && !this.more.hidden) {
      event.preventDefault();
      this.#addNext();
    } else if (event.key === "Backspace" && !pill.text()) {
      event.preventDefault();
      if (pill.option.required) return this.oncancel();
      pill.element.remove();
      this.#pills.delete(pill.option.name);
      this.#offerMore();
      this.focus();
    }
  }

  #suggest(pill) {
    const { option } = pill;
    const word = pill.text().toLowerCase();
    const fits = (text) => String(text).toLowerCase().includes(word);
    const title = option.description;
    clearTimeout(this.#timer);
    this.current = pill;
    if (option.autocomplete) {
      this.suggestions.show([]);
      this.#timer = setTimeout(() => this.#ask(pill), WAIT_MS);
    } else if (option.choices) this.suggestions.show(option.choices.filter((c) => fits(c.name)).map((c) => ({ text: c.name, value: c.value })), title);
    else if (option.type === TYPE.boolean) this.suggestions.show([{ text: "True", value: true }, { text: "False", value: false }].filter((c) => fits(c.text)), title);
    else if (this.guild && option.type === TYPE.user) this.suggestions.show(peopleLike(this.guild, fits).slice(0, 10), title);
    else if (this.guild && option.type === TYPE.role) this.suggestions.show(rolesLike(this.guild, fits).slice(0, 10), title);
    else if (this.guild && option.type === TYPE.mentionable) this.suggestions.show([...peopleLike(this.guild, fits), ...rolesLike(this.guild, fits)].slice(0, 10), title);
    else if (this.guild && option.type === TYPE.channel) this.suggestions.show([...this.guild.channels.values()].filter((c) => (!option.channel_types?.length || option.channel_types.includes(c.type)) && fits(c.name)).slice(0, 10)
      .map((c) => ({ lead: icon(c.type === 2 ? "voice" : "hash", 18), text: channelName(c), value: c.id })), title);
    else this.suggestions.hide();
  }

  async #ask(pill) {
    const turn = ++this.#asked;
    try {
      const choices = await choicesFor(this.channelId, this.entry.name, this.#plain(), pill.option.name);
      if (turn === this.#asked && this.current === pill) this.suggestions.show(choices.map((c) => ({ text: c.name, value: c.value })), pill.option.description);
    } catch (error) {
      this.note.textContent = `No suggestions: ${error.message}`;
    }
  }

  #picked(item) {
    const pill = this.current;
    pill.value = item.value;
    pill.field.textContent = item.text;
    this.suggestions.hide();
    const all = [...this.#pills.values()];
    const next = all.slice(all.indexOf(pill) + 1).find((p) => !p.text()) ?? pill;
    next.field.focus();
    if (next === pill) {
      this.suggestions.hide();
      getSelection().selectAllChildren(pill.field);
      getSelection().collapseToEnd();
    }
  }

  /** The options as they stand, for autocomplete: wrong ones are left out. */
  #plain() {
    const out = {};
    for (const [name, pill] of this.#pills) if (pill.text() && pill.option.type !== TYPE.attachment) out[name] = pill.value ?? pill.text();
    return out;
  }

  #read(pill) {
    const { option } = pill;
    if (option.type === TYPE.attachment) return pill.field.files[0];
    const text = pill.text().trim();
    if (!text) return undefined;
    if (pill.value !== undefined) return pill.value;
    if (option.choices) {
      const choice = option.choices.find((c) => c.name.toLowerCase() === text.toLowerCase() || String(c.value) === text);
      if (!choice) throw new Error(`${option.name}: choose one of the list`);
      return choice.value;
    }
    if (option.type === TYPE.integer || option.type === TYPE.number) {
      const number = Number(text);
      if (!Number.isFinite(number) || (option.type === TYPE.integer && !Number.isInteger(number))) throw new Error(`${option.name}: this is no ${option.type === TYPE.integer ? "whole " : ""}number`);
      return number;
    }
    if (option.type === TYPE.boolean) {
      if (!/^(true|false|yes|no)$/i.test(text)) throw new Error(`${option.name}: true or false`);
      return /^(true|yes)$/i.test(text);
    }
    return text.replace(/^[@#]/, option.type >= TYPE.user && option.type <= TYPE.mentionable ? "" : "$&");
  }

  send() {
    const options = {};
    for (const pill of this.#pills.values()) {
      try {
        const value = this.#read(pill);
        if (value === undefined && pill.option.required) throw new Error(`${pill.option.name} is needed`);
        if (value !== undefined) options[pill.option.name] = value;
      } catch (error) {
        pill.element.classList.add("wrong");
        this.note.textContent = error.message;
        pill.field.focus();
        return;
      }
    }
    this.onsend(this.entry, options);
  }
}
