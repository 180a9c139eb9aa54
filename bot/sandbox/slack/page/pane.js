// A conversation or a thread: messages drawn once, changed in place, and older ones fetched as one scrolls up.

import { look, markRead, Refused } from "./api.js";
import { dayOf, now, sameDay } from "./clock.js";
import { askPlain } from "./dialogs.js";
import { h, iconButton, toast } from "./dom.js";
import { openMenu } from "./menus.js";
import { drawMessage, drawNotice } from "./message.js";
import { attempt, explain, react, shortcut } from "./says.js";
import { state } from "./state.js";
import { Stretches } from "./stretches.js";
import { EMOJI } from "./words.js";

const TOGETHER = 300;
const STRETCH = 60;
const NEAR_TOP = 800;
const REACTIONS = ["+1", "heart", "tada", "eyes", "white_check_mark", "raised_hands", "clap", "-1"];

/** A list of messages that keeps itself up to date. */
export class Pane {
  constructor({ channel, thread = null, openThread, goTo, edit }) {
    Object.assign(this, { channel, thread, openThread, goTo, edit });
    this.hands = { goTo, openThread: thread ? null : openThread };
    this.shown = new Map();
    this.more = false;
    this.newest = "";
    this.list = new Stretches();
    this.top = h("div", { class: "messages-top" });
    this.node = h("div", { class: "messages", tabindex: "0", role: "log", "aria-live": "off", "aria-label": thread ? "Thread" : "Messages" }, this.top, this.list.node);
    this.stuck = true;
    this.node.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.node.addEventListener("keydown", (event) => this.steer(event));
    for (const kind of ["pointerover", "focusin"]) this.node.addEventListener(kind, (event) => this.offer(event.target.closest?.(".message")));
    // Pictures arrive late and edits change heights: whoever was at the end stays there.
    this.watcher = new ResizeObserver(() => this.stuck && this.toEnd());
    this.watcher.observe(this.list.node);
    this.watcher.observe(this.node);
  }

  close() {
    this.watcher.disconnect();
    this.list.close();
  }

  // Fetching.

  async load(at = null) {
    const query = this.thread ? { channel: this.channel, thread: this.thread } : { channel: this.channel, limit: STRETCH };
    const answer = await look("messages", query);
    this.readTo = this.thread ? null : answer.channel.read;
    this.take(answer);
    while (at && !this.shown.has(at) && this.more) await this.older();
    this.toEnd();
    if (at) this.point(at);
    this.read();
    return answer.channel;
  }

  /** Put a stretch before what is shown, all at once. */
  take(answer) {
    this.more = Boolean(answer.more);
    const { first } = this.list;
    const fresh = answer.messages.filter((message) => !this.shown.has(message.ts)).map((message) => this.drawn(message));
    this.list.prepend(fresh);
    for (const article of fresh) this.relate(article);
    this.relate(first);
    this.top.replaceChildren(this.more ? h("div", { class: "hint" }, "Loading older messages…") : this.beginning());
  }

  drawn(message) {
    const article = drawMessage(message, this.hands);
    article.message = message;
    this.shown.set(message.ts, article);
    if (message.ts > this.newest) this.newest = message.ts;
    return article;
  }

  beginning() {
    return this.thread ? "" : h("div", { class: "beginning" }, "This is where the conversation begins.");
  }

  async older() {
    if (this.fetching || !this.more) return;
    this.fetching = true;
    try {
      const before = this.list.first?.dataset.ts;
      const answer = await look("messages", { channel: this.channel, before, limit: STRETCH });
      const height = this.node.scrollHeight;
      const was = this.node.scrollTop;
      this.take(answer);
      // Browsers keep the place themselves, except at the very top.
      if (was < 60) this.node.scrollTop = was + this.node.scrollHeight - height;
    } catch (error) {
      toast(explain(error), "bad");
    } finally {
      this.fetching = false;
    }
  }

  // Scrolling.

  scrolled() {
    const shape = `${this.node.scrollHeight}/${this.node.clientHeight}`;
    if (this.stuck && shape !== this.shape) {
      // The browser moved, not the reader: something grew, or the pane became smaller.
      this.shape = shape;
      this.toEnd();
      return;
    }
    this.shape = shape;
    const left = this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight;
    this.stuck = left < 40;
    if (this.node.scrollTop < NEAR_TOP) this.older();
    if (this.stuck) this.read();
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
    // What has just come is drawn in the next frame, and is taller then than it was taken for.
    cancelAnimationFrame(this.after);
    this.after = requestAnimationFrame(() => this.stuck && (this.node.scrollTop = this.node.scrollHeight));
  }

  point(ts) {
    const article = this.shown.get(ts);
    if (!article) return;
    this.stuck = false;
    article.scrollIntoView({ block: "center" });
    article.classList.add("pointed");
    setTimeout(() => article.classList.remove("pointed"), 2500);
  }

  // Changes.

  /** Whether a message stands here. */
  holds(message) {
    if (message.channel !== this.channel) return false;
    if (this.thread) return message.ts === this.thread || message.thread_ts === this.thread;
    return !message.thread_ts || message.thread_ts === message.ts || message.broadcast;
  }

  /** Draw a message, new or changed, in its place. */
  put(message) {
    const old = this.shown.get(message.ts);
    const { first } = this.list;
    // One from before what is shown comes with its stretch.
    if (!old && this.more && first && message.ts < first.dataset.ts) return;
    const article = this.drawn(message);
    if (old) replace(old, article);
    else this.list.insert(article);
    this.relate(article);
    this.relate(this.list.after(article));
  }

  drop(ts) {
    const article = this.shown.get(ts);
    if (!article) return;
    const next = this.list.after(article);
    this.list.remove(article);
    this.shown.delete(ts);
    this.relate(next);
  }

  /** What stands before a message decides how it begins: a day, a line for what is new, a face or none. */
  relate(article) {
    if (!article) return;
    const before = this.list.before(article)?.message;
    const { message } = article;
    article.querySelector(":scope > .divider")?.remove();
    const newDay = !before || !sameDay(before.ts, message.ts);
    const isNew = this.readTo && message.ts > this.readTo && before && before.ts <= this.readTo && message.user !== state.me.id;
    if (isNew) article.prepend(h("div", { class: "divider new", role: "separator", "aria-label": "New" }, h("span", {}, "New")));
    else if (newDay && !this.thread) article.prepend(h("div", { class: "divider", role: "separator", "aria-label": dayOf(message.ts) }, h("span", {}, dayOf(message.ts))));
    const close = before && !newDay && !isNew && before.user === message.user && before.ephemeral === message.ephemeral && message.ts - before.ts < TOGETHER;
    article.classList.toggle("follows", Boolean(close) && !(this.thread && before.ts === this.thread));
    article.classList.toggle("starts", Boolean(isNew || (newDay && !this.thread)));
    article.classList.toggle("root", message.ts === this.thread);
  }

  /** A word from the page itself. */
  notice(words) {
    this.list.append(drawNotice(words, String(now() / 1000 + 0.5)));
    this.toEnd();
  }

  read() {
    if (!this.newest || document.hidden || this.newest === this.marked) return;
    this.marked = this.newest;
    markRead(this.channel, this.newest, this.thread).then(
      (channel) => this.onRead?.(channel),
      (error) => {
        if (!(error instanceof Refused)) throw error;
        this.marked = "";
      },
    );
  }

  // Hands.

  steer(event) {
    if (event.target === this.node && (event.key === "ArrowUp" || event.key === "Enter")) {
      this.list.last?.focus();
      event.preventDefault();
      return;
    }
    const article = event.target.closest?.(".message");
    if (!article || event.target !== article) return;
    const key = event.ctrlKey || event.metaKey || event.altKey ? "" : event.key;
    if (key === "ArrowDown") this.list.after(article)?.focus();
    else if (key === "ArrowUp") this.list.before(article)?.focus();
    else if ((key === "Enter" || key === "t") && !this.thread) this.openThread(article.message.thread_ts || article.message.ts);
    else if (key === "e" && article.message.user === state.me.id) this.edit(article.message, this);
    else return;
    event.preventDefault();
  }

  /** Lay the tools over the message under the pointer or the focus. */
  offer(article) {
    if (!article?.message || article.classList.contains("local") || this.offered === article) return;
    this.tools?.remove();
    this.offered?.classList.remove("offered");
    const { message } = article;
    if (message.subtype === "tombstone") return;
    this.offered = article;
    article.classList.add("offered");
    const more = iconButton("more", "More actions", () => openMenu(more, this.actions(message), "Message actions"), { "aria-haspopup": "menu", "aria-expanded": "false" });
    this.tools = h(
      "div",
      { class: "tools", role: "group", "aria-label": "Message" },
      !message.ephemeral && this.reacting(message),
      !this.thread && !message.ephemeral && iconButton("thread", "Reply in thread", () => this.openThread(message.thread_ts || message.ts)),
      !message.ephemeral && iconButton("link", "Copy link", () => this.copy(message)),
      more,
    );
    article.append(this.tools);
  }

  reacting(message) {
    const signs = () => REACTIONS.map((name) => ({ label: `${EMOJI[name]}  ${name.replaceAll("_", " ")}`, run: () => react(message, name, message.reactions?.[name]?.includes(state.me.id)) }));
    const button = iconButton("smile", "Add a reaction", () => openMenu(button, signs(), "Reactions"), { "aria-haspopup": "menu", "aria-expanded": "false" });
    return button;
  }

  actions(message) {
    const mine = message.user === state.me.id;
    const items = [];
    if (!this.thread && !message.ephemeral) items.push({ label: "Reply in thread", keys: "T", run: () => this.openThread(message.thread_ts || message.ts) });
    if (!message.ephemeral) items.push({ label: "Copy link", run: () => this.copy(message) });
    if (mine) items.push({ label: "Edit message", keys: "E", run: () => this.edit(message, this) });
    if (mine || state.me.admin) items.push({ label: "Delete message", danger: true, run: () => this.remove(message) });
    const shortcuts = state.app.shortcuts.filter((s) => s.type === "message");
    if (shortcuts.length && !message.ephemeral) {
      items.push("-", { heading: state.app.name });
      for (const one of shortcuts) items.push({ label: one.name || one.callback_id, hint: one.description, run: () => shortcut(one.callback_id, message) });
    }
    return items.length ? items : [{ label: "Nothing to do with this message", run: () => {} }];
  }

  async copy(message) {
    await navigator.clipboard?.writeText(message.permalink).catch(() => {});
    toast("Link copied.");
  }

  async remove(message) {
    if (!(await askPlain("Delete this message?", "This cannot be undone.", "Delete", "danger"))) return;
    await attempt("delete", { channel: message.channel, ts: message.ts });
  }
}

/** Put an element in the place of another, with the focus where it was. */
function replace(old, article) {
  const focus = old.contains(document.activeElement) ? document.activeElement.closest("[data-key]")?.dataset.key : null;
  const held = old === document.activeElement;
  old.replaceWith(article);
  if (focus) article.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
  else if (held) article.focus();
}
