/**
 * The page as a whole: what is shown where, and how one gets from one place to the next. One class: every way of moving
 * changes the same few places.
 */
import { emit, on } from "./core/bus.js";
import { Acting, get } from "./core/api.js";
import { fill, h } from "./core/dom.js";
import { icon } from "./core/icons.js";
import { EventStream } from "./core/stream.js";
import { forget, open as openHistory } from "./core/history.js";
import { attempt, closePopover, toast } from "./core/layers.js";
import { CHANNEL, findChannel, isForum, isThread, state, takeEvent, takeSnapshot, userName } from "./core/store.js";
import { ChatView } from "./chat/view.js";
import { pinsButton, threadsButton } from "./chat/tools.js";
import { memberList } from "./people/members.js";
import { meCard } from "./people/switcher.js";
import { channelList } from "./server/channels.js";
import { ForumView } from "./server/forum.js";
import { rail } from "./server/rail.js";
import { TracesPanel } from "./traces/panel.js";
import { LabPanel } from "./panels/lab.js";
import { Guide } from "./panels/guide.js";
import { quickSwitcher } from "./panels/quick.js";
import { toggleTheme } from "./panels/theme.js";

const PERSON_KEY = "guildhall-person";
const REFRESH_MS = 150;

export class App {
  #stream = null;
  #refresh = 0;
  main = null;
  side = null;
  panel = null;

  constructor(root) {
    this.root = root;
    this.mainPlace = h("main.main-place");
    this.sidePlace = h("div.side-place", { hidden: true });
    this.panelPlace = h("div.panel-place", { hidden: true });
    this.banner = h("div.banner", { hidden: true, role: "status" }, "The sandbox does not answer. Trying again.");
    this.guide = new Guide(this);
    this.members = memberList();
    this.shell = h("div.shell", {}, this.banner, rail(), channelList([this.#bottomBar(), meCard()]), this.mainPlace, this.sidePlace, this.members, this.panelPlace, this.guide.element);
    this.#listen();
  }

  #bottomBar() {
    const button = (name, text, action) => h("button.tool", { type: "button", title: text, onclick: action }, icon(name, 18), h("span", {}, text));
    return h("div.bottom-bar", { role: "toolbar", "aria-label": "Sandbox" },
      button("guide", "Try", () => this.guide.toggle()), button("trace", "Traces", () => this.openPanel("traces")), button("gauge", "Lab", () => this.openPanel("lab")),
      h("button.tool.slim", { type: "button", "aria-label": "Light or dark", title: "Light or dark", onclick: toggleTheme }, icon("sun", 18)));
  }

  #listen() {
    on("go", (where) => this.go(where.channelId, where));
    on("go-guild", (id) => this.goGuild(id));
    on("become", (id) => this.become(id));
    on("resync", (guildId) => this.#resync().then(() => guildId && this.goGuild(guildId)));
    on("refresh", () => {
      clearTimeout(this.#refresh);
      this.#refresh = setTimeout(() => this.#resync(), REFRESH_MS);
    });
    on("jump", async ({ channelId, messageId }) => {
      const view = await this.go(channelId);
      view?.jump?.(messageId);
    });
    on("channel-gone", (id) => {
      if (id === state.selected.threadId) this.closeSide();
      if (id === state.selected.channelId) this.goGuild(state.selected.guildId);
    });
    on("event:GUILD_DELETE", ({ id }) => id === state.selected.guildId && this.goGuild([...state.guilds.keys()][0] ?? "@me"));
    on("open-panel", (name) => this.openPanel(name));
    on("open-trace", ({ traceId }) => !(this.panel instanceof TracesPanel) && this.openPanel("traces", traceId));
    on("close-panel", () => this.closePanel());
    on("toggle-members", () => this.shell.classList.toggle("no-members"));
    on("toggle-channels", () => this.shell.classList.toggle("channels-open"));
    on("toggle-guide", () => this.guide.toggle());
    addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        quickSwitcher();
      } else if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
        event.preventDefault();
        this.#step(event.key === "ArrowDown" ? 1 : -1);
      } else if (event.key === "Escape" && !event.defaultPrevented) {
        if (this.panel) this.closePanel();
        else if (this.side && this.sidePlace.contains(document.activeElement)) this.closeSide();
      }
    });
    addEventListener("hashchange", () => this.#fromHash());
  }

  async start() {
    state.people = await get("/control/people");
    const people = state.people.filter((p) => !p.bot);
    const wanted = localStorage.getItem(PERSON_KEY);
    const person = people.find((p) => p.id === wanted) ?? people.find((p) => p.username === "member") ?? people[0];
    fill(this.root, this.shell);
    this.root.removeAttribute("aria-busy");
    await this.become(person.id, { quiet: true });
  }

  /** Becomes another person: everything is read anew with their eyes. */
  async become(id, { quiet = false } = {}) {
    const { channelId, threadId, guildId } = state.selected;
    localStorage.setItem(PERSON_KEY, id);
    this.#stream?.close();
    closePopover();
    state.me = state.people.find((p) => p.id === id) ?? { id };
    state.acting = new Acting(id);
    forget();
    await new Promise((resolve) => {
      let first = true;
      this.#stream = new EventStream(state.acting.eventsUrl(), (name, data) => {
        takeEvent(name, data);
        if (name === "SNAPSHOT") {
          if (!first) this.#reread();
          first = false;
          resolve();
        }
      }, (connection) => {
        state.connection = connection;
        this.banner.hidden = connection === "open";
      });
    });
    if (!quiet) toast(`You are now ${userName(state.me)}.`, { seconds: 2.5 });
    if (quiet && this.#fromHash()) return;
    if (channelId && findChannel(channelId)) {
      this.go(channelId, { again: true });
      if (threadId && findChannel(threadId)) this.go(threadId, { again: true });
    } else this.goGuild(state.guilds.has(guildId) ? guildId : ([...state.guilds.keys()][0] ?? "@me"));
    emit("became", id);
  }

  /** After the stream came back: what is shown is read again. */
  #reread() {
    forget();
    const { channelId, threadId } = state.selected;
    if (channelId) this.go(channelId, { again: true });
    if (threadId) this.go(threadId, { again: true });
  }

  async #resync() {
    const data = await attempt(() => state.acting.control("GET", "/guilds"));
    if (!data) return;
    takeSnapshot(Array.isArray(data) ? { guilds: data, dms: [...state.dms.values()] } : { dms: [...state.dms.values()], ...data });
    const { channelId } = state.selected;
    if (channelId && !findChannel(channelId)) this.goGuild(state.selected.guildId);
  }

  goGuild(id) {
    if (id === "@me") {
      Object.assign(state.selected, { guildId: "@me" });
      const dm = [...state.dms.values()][0];
      if (dm) return this.go(dm.id);
      this.closeSide();
      state.selected.channelId = null;
      this.#show(null, h("section.empty-place", {}, icon("person", 48), h("p", {}, "Press a member's name to write to them.")));
      return emit("selected");
    }
    const guild = state.guilds.get(id) ?? [...state.guilds.values()][0];
    if (!guild) return this.goGuild("@me");
    const last = sessionStorage.getItem(`last:${guild.id}`);
    const texts = [...guild.channels.values()].filter((c) => c.type === CHANNEL.text).sort((a, b) => a.position - b.position);
    const target = guild.channels.get(last) ?? texts.find((c) => c.name === "general") ?? texts[0];
    if (target) return this.go(target.id);
    Object.assign(state.selected, { guildId: guild.id, channelId: null });
    this.#show(null, h("section.empty-place", {}, icon("hash", 48), h("p", {}, "There is no channel here that you may see.")));
    return emit("selected");
  }

  /** Goes to a channel, or opens a thread beside its channel; gives the view. */
  async go(channelId, { again = false } = {}) {
    const found = findChannel(channelId) ?? (await this.#learn(channelId));
    if (!found) return toast("This channel is not there any more, or you may not see it.", { kind: "error" });
    const { guild, channel } = found;
    this.shell.classList.remove("channels-open");
    if (this.panel && !again) this.closePanel();
    state.unread.delete(channelId);
    emit("unread", channelId);
    if (isThread(channel)) return this.#openSide(guild, channel, again);
    const changed = state.selected.channelId !== channelId || again;
    if (changed && !again) this.closeSide();
    Object.assign(state.selected, { guildId: guild?.id ?? "@me", channelId });
    if (guild) sessionStorage.setItem(`last:${guild.id}`, channelId);
    if (changed) {
      const tools = [threadsButton, pinsButton, () => this.#membersButton(), () => this.#searchButton()];
      const view = isForum(channel) ? new ForumView(guild, channelId, [() => this.#membersButton()]) : new ChatView(channelId, { tools });
      this.#show(view, view.element);
      if (matchMedia("(min-width: 800px)").matches && !again) view.focus();
    }
    history.replaceState(null, "", `#/channels/${guild?.id ?? "@me"}/${channelId}`);
    document.title = `${channel.name ? `#${channel.name}` : "Direct message"} · Guildhall sandbox`;
    emit("selected");
    return this.main;
  }

  /** A thread that is archived is not in the snapshot. */
  async #learn(id) {
    const channel = await state.acting.rest("GET", `/channels/${id}`).catch(() => null);
    if (!channel) return null;
    takeEvent("THREAD_UPDATE", channel);
    return findChannel(id);
  }

  #show(view, element) {
    this.main?.end();
    this.main = view;
    fill(this.mainPlace, element);
  }

  #openSide(guild, thread, again) {
    if (state.selected.channelId !== thread.parent_id && findChannel(thread.parent_id)) {
      state.selected.threadId = null;
      this.go(thread.parent_id, { again });
    }
    if (this.side?.channelId === thread.id && !again) {
      this.side.focus();
      return this.side;
    }
    this.side?.end();
    state.selected.threadId = thread.id;
    this.side = new ChatView(thread.id, { side: true, tools: [() => h("button.icon-button", { type: "button", "aria-label": "Close the thread", title: "Close the thread", onclick: () => this.closeSide() }, icon("close"))] });
    fill(this.sidePlace, this.side.element);
    this.sidePlace.hidden = false;
    this.shell.classList.add("with-side");
    openHistory(thread.id).catch((error) => toast(error.message, { kind: "error" }));
    this.side.focus();
    emit("selected");
    return this.side;
  }

  closeSide() {
    if (!this.side) return;
    this.side.end();
    this.side = null;
    state.selected.threadId = null;
    fill(this.sidePlace);
    this.sidePlace.hidden = true;
    this.shell.classList.remove("with-side");
    emit("selected");
  }

  openPanel(name, argument) {
    this.closePanel();
    this.panel = name === "traces" ? new TracesPanel() : new LabPanel();
    fill(this.panelPlace, this.panel.element);
    this.panelPlace.hidden = false;
    this.shell.classList.remove("channels-open");
    this.panel.show(argument);
    this.panel.element.querySelector("button, input")?.focus();
  }

  closePanel() {
    if (!this.panel) return;
    this.panel.end();
    this.panel = null;
    fill(this.panelPlace);
    this.panelPlace.hidden = true;
  }

  #membersButton() {
    return h("button.icon-button.members-button", { type: "button", "aria-label": "Members", title: "Members", onclick: () => this.shell.classList.toggle(matchMedia("(max-width: 1100px)").matches ? "members-open" : "no-members") }, icon("people"));
  }
  #searchButton() {
    return h("button.go-to", { type: "button", "aria-keyshortcuts": "Control+K", onclick: () => quickSwitcher() }, icon("search", 16), h("span", {}, "Go to"), h("kbd", {}, "Ctrl K"));
  }

  /** Alt and an arrow: the next channel of the sidebar. */
  #step(step) {
    const rows = [...this.shell.querySelectorAll(".channel")];
    if (!rows.length) return;
    const at = rows.findIndex((r) => r.classList.contains("current"));
    rows[(at + step + rows.length) % rows.length].click();
  }

  #fromHash() {
    const [, place, first, second] = location.hash.split("/");
    if (place === "channels" && second && findChannel(second)) {
      if (state.selected.channelId !== second) this.go(second);
      return true;
    }
    if (place === "traces") {
      this.goGuild([...state.guilds.keys()][0] ?? "@me");
      this.openPanel("traces", first);
      return true;
    }
    return false;
  }
}
