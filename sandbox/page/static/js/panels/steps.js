/** The six things to try: who does them, with which command, and what happens then. */
import { state } from "../core/store.js";
import { choicesFor, commandsIn, flattened } from "../compose/commands.js";
import { modals } from "../compose/interactions.js";
import { buttonOf, nextMessage, nextThread, placeFor } from "./await.js";

const QUESTION = "Write a Python function that sorts names, and explain how it works";
const FOLLOW_UP = "What did I ask before?";
const fromBot = (channelId) => (m) => m.author?.bot && (!channelId || m.channel_id === channelId);
const settled = (m) => !(m.flags & 128);

/** Uses the first of some commands that there is, as the person at the page: texts fill the required text options in their order. */
async function use(names, channelId, texts) {
  const known = flattened(await commandsIn(channelId, 1));
  const name = [names].flat().find((n) => known.some((e) => e.name === n));
  const entry = known.find((e) => e.name === name);
  if (!entry) throw new Error(`/${[names].flat()[0]} is not here yet.`);
  const options = {};
  const left = [...texts];
  for (const option of entry.options.filter((o) => o.required)) {
    if (option.choices?.length) options[option.name] = option.choices[0].value;
    else if (option.type === 4 || option.type === 10) options[option.name] = option.min_value ?? 1;
    else if (option.type === 5) options[option.name] = true;
    else options[option.name] = await textFor(option, left.shift() ?? "something", name, options, channelId);
  }
  const body = { name, type: 1, options };
  modals.held = true;
  const result = await state.acting.control("POST", `/channels/${channelId}/commands?wait=5`, body).finally(() => setTimeout(() => (modals.held = false), 500));
  if (result.state === "failed") throw new Error("The application did not respond.");
  return result.modal ? fillIn(result.id, result.modal, texts) : result;
}

/** Fills a form: choices with the text that names one of theirs, else with the first where one is needed; then text fields in their order. */
async function fillIn(id, modal, texts) {
  const values = {};
  const left = [...texts];
  const fields = modal.components.map((row) => row.component ?? row.components?.[0]).filter((field) => field?.custom_id);
  for (const field of fields.filter((f) => f.options?.length)) {
    const named = left.findIndex((text) => optionNamed(field, text));
    const [text] = named < 0 ? [] : left.splice(named, 1);
    const chosen = text === undefined ? (field.required === false ? null : field.options[0]) : optionNamed(field, text);
    if (chosen) values[field.custom_id] = field.type === 21 ? chosen.value : [chosen.value];
  }
  for (const field of fields.filter((f) => f.type === 4)) {
    const text = left.shift() ?? field.value ?? (field.required === false ? "" : "something");
    if (text) values[field.custom_id] = text;
  }
  const result = await state.acting.control("POST", `/interactions/${id}/modal?wait=5`, { values });
  if (result.state === "failed") throw new Error("The application did not respond.");
  return result;
}

/** The option of a choice that a text names, by its label or its value. */
function optionNamed(field, text) {
  const name = text.toLowerCase();
  return field.options.find((o) => o.label.toLowerCase() === name || o.value.toLowerCase() === name);
}

/** A text the bot's own suggestions confirm, where it suggests. */
async function textFor(option, text, name, options, channelId) {
  if (!option.autocomplete) return text;
  const choices = await choicesFor(channelId, name, { ...options, [option.name]: text }, option.name).catch(() => []);
  const any = choices.length ? choices : await choicesFor(channelId, name, { ...options, [option.name]: "" }, option.name).catch(() => []);
  return any[0]?.value ?? text;
}

async function press(message, pattern) {
  const button = buttonOf(message, pattern);
  if (!button) throw new Error("The button is not there.");
  const result = await state.acting.control("POST", `/messages/${message.id}/components?wait=5`, { custom_id: button.custom_id });
  if (result.state === "failed") throw new Error("The application did not respond.");
  return result;
}

let lastThread = null;

export const STEPS = [
  {
    id: "ask", title: "Ask something", person: "member", commands: ["ask"],
    text: "A question opens a thread, titled by the model, and the answer streams into it.",
    async run({ app, say }) {
      const channel = placeFor("general");
      await app.go(channel.id);
      const thread = nextThread(channel.id);
      say("Asking");
      await use("ask", channel.id, [QUESTION]);
      lastThread = await thread;
      say("The answer streams into its thread");
      await app.go(lastThread.id);
      await nextMessage((m) => fromBot(lastThread.id)(m) && m.content?.length > 20, { since: "0", channelId: lastThread.id });
    },
  },
  {
    id: "continue", title: "Go on in the thread", person: "member", commands: ["ask"],
    text: "A follow-up in the thread is answered with the whole conversation in mind.",
    async run({ app, say }) {
      if (!lastThread || !state.guilds.get(lastThread.guild_id)?.threads.has(lastThread.id)) await STEPS[0].run({ app, say });
      await app.go(lastThread.id);
      say("Writing a follow-up");
      const sent = await state.acting.rest("POST", `/channels/${lastThread.id}/messages`, { content: FOLLOW_UP });
      await nextMessage((m) => fromBot(lastThread.id)(m) && BigInt(m.id) > BigInt(sent.id) && m.content?.length > 10, { since: sent.id, channelId: lastThread.id });
    },
  },
  {
    id: "manage", title: "Manage the server, and undo it", person: "owner", commands: ["manage"],
    text: "Plain words become a plan that is previewed, confirmed, run, and taken back.",
    async run({ app, say }) {
      const channel = placeFor("general", "staff");
      app.closeSide();
      await app.go(channel.id);
      say("Asking for a gaming category with voice channels");
      const preview = nextMessage((m) => fromBot()(m) && buttonOf(m, /confirm/i));
      await use("manage", channel.id, ["create a gaming category with voice channels"]);
      const plan = await preview;
      say("Confirming the plan");
      const done = nextMessage((m) => fromBot()(m) && buttonOf(m, /undo/i));
      await press(plan, /confirm/i);
      const report = await done;
      say("Done. Now taking it back");
      const inverse = nextMessage((m) => fromBot()(m) && BigInt(m.id) >= BigInt(report.id) && buttonOf(m, /confirm/i));
      await press(report, /undo/i);
      const undo = await inverse;
      const over = nextMessage((m) => fromBot()(m) && settled(m) && !buttonOf(m, /confirm|cancel|pause/i) && BigInt(m.id) >= BigInt(undo.id));
      await press(undo, /confirm/i);
      await over;
    },
  },
  {
    id: "request", title: "Put up a request, and claim it", person: "member", commands: ["request new"],
    text: "A member asks for an item; a crafter claims it with a button.",
    async run({ app, say }) {
      const channel = placeFor("requests", "board", "crafting", "general");
      await app.go(channel.id);
      say("Putting up a request");
      const answer = nextMessage((m) => fromBot()(m) && settled(m));
      await use("request new", channel.id, ["Iron sword", "2", "Blacksmithing"]);
      let card = await answer;
      say("Claiming it as a crafter");
      await app.become(state.people.find((p) => p.username === "crafter").id);
      await app.go(channel.id);
      if (!buttonOf(card, /claim/i)) {
        const shown = nextMessage((m) => fromBot()(m) && buttonOf(m, /claim/i));
        await use("request show", channel.id, ["Iron sword"]);
        card = await shown;
      }
      const claimed = nextMessage((m) => fromBot()(m) && settled(m));
      await press(card, /claim/i);
      await claimed;
    },
  },
  {
    id: "music", title: "Music for a mood", person: "member", commands: ["recommend mood", "recommend"],
    text: "Recommendations by mood, artist or genre, with buttons to like them.",
    async run({ app, say }) {
      const channel = placeFor("music", "general");
      await app.go(channel.id);
      say("Asking for music");
      const answer = nextMessage((m) => fromBot()(m) && settled(m) && (m.embeds?.length || m.components?.length || m.content));
      await use(["recommend mood", "recommend"], channel.id, ["calm evening"]);
      await answer;
    },
  },
  {
    id: "usage", title: "See what it used", person: "member", commands: ["usage me", "usage"],
    text: "Tokens, cost and what is left of the limits, for yourself.",
    async run({ app, say }) {
      const channel = placeFor("general");
      await app.go(channel.id);
      say("Asking for the usage");
      const answer = nextMessage((m) => fromBot()(m) && settled(m));
      await use(["usage me", "usage"], channel.id, []);
      await answer;
    },
  },
];

/** The names of the commands that there are in a channel. */
export async function commandNames(channelId) {
  return new Set(flattened(await commandsIn(channelId, 1)).map((e) => e.name));
}
