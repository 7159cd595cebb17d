/** The guided start: six things to try, one click each. */
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { on } from "../core/bus.js";
import { announce } from "../core/dom.js";
import { state } from "../core/store.js";
import { placeFor } from "./await.js";
import { STEPS, commandNames } from "./steps.js";

const KEY = "guildhall-guide";
const AGAIN_MS = 3000;

export class Guide {
  #states = new Map(STEPS.map((s) => [s.id, { phase: "todo", text: "" }]));
  #running = false;
  #names = null;
  #timer = 0;

  constructor(app) {
    this.app = app;
    this.list = h("ol.guide-steps");
    this.meter = h("div.guide-meter", { role: "progressbar", "aria-valuemin": 0, "aria-valuemax": STEPS.length, "aria-label": "Things tried" }, h("i"));
    this.element = h("aside.guide", { "aria-label": "Six things to try", hidden: localStorage.getItem(KEY) === "closed" || matchMedia("(max-width: 800px)").matches },
      h("header", {}, icon("guide", 22), h("h2", {}, "Six things to try"), h("button.icon-button", { type: "button", "aria-label": "Close the guide", onclick: () => this.toggle() }, icon("close", 18))),
      this.meter, this.list);
    on("snapshot", () => this.#look());
    this.draw();
  }

  toggle() {
    this.element.hidden = !this.element.hidden;
    localStorage.setItem(KEY, this.element.hidden ? "closed" : "open");
    this.app.shell.classList.remove("channels-open");
    if (!this.element.hidden) {
      this.#look();
      this.element.querySelector("button")?.focus();
    }
  }

  /** Which commands there are; asked again until all are, for the bot may still be starting. */
  async #look() {
    clearTimeout(this.#timer);
    if (this.element.hidden || !state.acting) return;
    const channel = placeFor("general");
    if (!channel) return;
    this.#names = await commandNames(channel.id).catch(() => this.#names);
    this.draw();
    if (!this.#names || STEPS.some((s) => !this.#here(s))) this.#timer = setTimeout(() => this.#look(), AGAIN_MS * 4);
  }

  #here(step) {
    return step.commands.some((name) => this.#names.has(name));
  }

  draw() {
    const done = [...this.#states.values()].filter((s) => s.phase === "done").length;
    this.meter.setAttribute("aria-valuenow", done);
    this.meter.firstChild.style.setProperty("width", `${(100 * done) / STEPS.length}%`);
    this.element.classList.toggle("running", this.#running);
    fill(this.list, STEPS.map((step, index) => this.#row(step, index)));
  }

  #row(step, index) {
    const { phase, text } = this.#states.get(step.id);
    const missing = this.#names && !this.#here(step);
    const label = phase === "running" ? "Running" : phase === "done" ? "Again" : "Try it";
    return h("li.guide-step", { class: phase, data: { step: step.id, phase } },
      h("span.guide-number", { "aria-hidden": "true" }, phase === "done" ? icon("check", 16) : phase === "running" ? h("span.spinner") : index + 1),
      h("div", {}, h("b", {}, step.title), h("p", {}, missing ? `No bot here offers /${step.commands[0]} yet.` : phase === "running" || phase === "failed" ? text : step.text)),
      h("button.secondary", { type: "button", disabled: Boolean(this.#running || missing || !this.#names), "aria-label": `${label}: ${step.title}`, onclick: () => this.run(step) }, label));
  }

  async run(step) {
    if (this.#running) return;
    this.#running = true;
    const say = (text) => {
      this.#states.set(step.id, { phase: "running", text });
      announce(text);
      this.draw();
    };
    try {
      say("Starting");
      const person = state.people.find((p) => p.username === step.person);
      if (person && person.id !== state.me.id) await this.app.become(person.id);
      if (matchMedia("(max-width: 800px)").matches) this.element.hidden = true;
      await step.run({ app: this.app, say });
      this.#states.set(step.id, { phase: "done", text: "" });
      announce(`${step.title}: done`);
    } catch (error) {
      this.#states.set(step.id, { phase: "failed", text: error.message });
      announce(error.message);
    } finally {
      this.#running = false;
      this.draw();
    }
  }
}
