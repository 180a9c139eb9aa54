// Messages in a conversation or a thread: drawn once, changed in place, and older ones fetched as one scrolls up.

import { act, fileAddress, look, markRead, Refused } from "./api.js";
import { picture, pictures, renderBlocks } from "./blocks.js";
import { now } from "./clock.js";
import { askPlain } from "./dialogs.js";
import { h, icon, iconButton, toast } from "./dom.js";
import { openMenu } from "./menus.js";
import { directWith, nameOf, state } from "./state.js";
import { bareText, mrkdwn, nearDay, safeLink } from "./words.js";

const TOGETHER = 300;
const STRETCH = 80;
const SHOWABLE = /^image\/(png|jpe?g|gif|webp)$/;
// What was chosen from menus under messages, so that it stays when a message is drawn anew.
const chosen = new Map();

/** Somebody's face: initials on a colour of their own, or the app's sign. */
export function avatar(id, size = "") {
  if (id === state.app.user) return h("img", { class: `avatar app-face ${size}`, src: "/page/icon.svg", alt: "" });
  const initials = nameOf(id).split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
  const tone = [...state.people.keys()].indexOf(id) % 6;
  return h("span", { class: `avatar tone-${tone} ${size}`, "aria-hidden": "true" }, initials);
}

/** The time of day, or of another day with its date. */
export function timeOf(ts) {
  return new Date(Number(ts) * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

function dayOf(ts) {
  const date = new Date(Number(ts) * 1000);
  const near = nearDay(date);
  return near ? near[0].toUpperCase() + near.slice(1) : date.toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long" });
}

/** Where a link leads within the page, if it does: `[channel, thread, ts]`. */
export function ownLink(link) {
  const found = new RegExp(`^${location.origin}/archives/(\\w+)/p(\\d+)(\\d{6})(?:\\?.*)?$`).exec(link);
  if (!found) return null;
  const thread = new URL(link).searchParams.get("thread_ts");
  const ts = `${found[2]}.${found[3]}`;
  return [found[1], thread, ts];
}

/** Say in words why something was refused. */
export function explain(error) {
  if (!(error instanceof Refused)) throw error;
  const words = {
    is_archived: "This channel is archived.",
    not_in_channel: "You are not in this conversation.",
    not_your_message: "That is not your message.",
    messages_tab_disabled: "Sending messages to this app is turned off.",
    interactivity_not_enabled: "The app has interactivity turned off.",
    not_connected: "The local Slack does not answer.",
    message_not_found: "This message is gone.",
  };
  return words[error.error] || error.message.replaceAll("_", " ");
}

/** Send a press or a choice, and say so when the app does not answer. */
export async function press(where, block, element, option) {
  try {
    const result = await act(where.home || where.view_id ? "press_view" : "press", { ...where, action: element.action_id, block_id: block.block_id, option });
    if (result.sent && !result.acked) toast(`${state.app.name} did not answer. Try again in a moment.`, "bad");
  } catch (error) {
    toast(explain(error), "bad");
  }
}

/** A list of messages that keeps itself up to date. */
export class Pane {
  constructor({ channel, thread = null, openThread, goTo, edit }) {
    Object.assign(this, { channel, thread, openThread, goTo, edit });
    this.shown = new Map();
    this.more = false;
    this.list = h("div", { class: "messages-list", role: "list" });
    this.top = h("div", { class: "messages-top" });
    this.node = h("div", { class: "messages", tabindex: "-1", role: "log", "aria-live": "off", "aria-label": thread ? "Thread" : "Messages" }, this.top, this.list);
    this.stuck = true;
    this.node.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.node.addEventListener("keydown", (event) => this.steer(event));
    for (const kind of ["pointerover", "focusin"]) this.node.addEventListener(kind, (event) => this.offer(event.target.closest?.(".message")));
    // Pictures arrive late and edits change heights: whoever was at the end stays there.
    this.watcher = new ResizeObserver(() => this.stuck && this.toEnd());
    this.watcher.observe(this.list);
    this.watcher.observe(this.node);
  }

  close() {
    this.watcher.disconnect();
  }

  async load(at = null) {
    const query = this.thread ? { channel: this.channel, thread: this.thread } : { channel: this.channel, limit: STRETCH };
    const answer = await look("messages", query);
    this.readTo = answer.channel.read;
    if (this.thread) this.readTo = null;
    this.take(answer);
    while (at && !this.shown.has(at) && this.more) await this.older();
    this.toEnd();
    if (at) this.point(at);
    this.read();
    return answer.channel;
  }

  take(answer) {
    this.more = Boolean(answer.more);
    for (const message of answer.messages) this.put(message);
    this.top.replaceChildren(this.more ? h("div", { class: "hint" }, "Loading older messages…") : this.beginning());
  }

  beginning() {
    if (this.thread) return "";
    return h("div", { class: "beginning" }, "This is where the conversation begins.");
  }

  async older() {
    if (this.fetching || !this.more) return;
    this.fetching = true;
    const before = this.list.firstElementChild?.dataset.ts;
    const answer = await look("messages", { channel: this.channel, before, limit: STRETCH });
    const height = this.node.scrollHeight;
    const was = this.node.scrollTop;
    this.take(answer);
    if (was < 60) this.node.scrollTop = was + this.node.scrollHeight - height;
    this.fetching = false;
  }

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
    if (this.node.scrollTop < 400) this.older();
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

  /** Whether a message stands here. */
  holds(message) {
    if (message.channel !== this.channel) return false;
    if (this.thread) return message.ts === this.thread || message.thread_ts === this.thread;
    return !message.thread_ts || message.thread_ts === message.ts || message.broadcast;
  }

  /** Draw a message, new or changed, in its place. */
  put(message) {
    const old = this.shown.get(message.ts);
    if (!old && this.more && this.list.firstElementChild && message.ts < this.list.firstElementChild.dataset.ts && this.shown.size && !this.fetching) return;
    const article = this.draw(message);
    article.message = message;
    this.shown.set(message.ts, article);
    if (old) {
      const focus = old.contains(document.activeElement) ? document.activeElement.closest("[data-key]")?.dataset.key : null;
      const held = old === document.activeElement;
      // Until it is drawn, a new element counts as small as any: the pane would shrink and jump.
      article.style.containIntrinsicSize = `auto ${old.offsetHeight}px`;
      old.replaceWith(article);
      if (focus) article.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
      else if (held) article.focus();
    } else {
      const after = [...this.list.children].findLast?.((child) => child.dataset.ts < message.ts);
      if (after) after.after(article);
      else this.list.prepend(article);
    }
    this.relate(article);
    this.relate(article.nextElementSibling);
  }

  drop(ts) {
    const article = this.shown.get(ts);
    const next = article?.nextElementSibling;
    article?.remove();
    this.shown.delete(ts);
    this.relate(next);
  }

  /** What stands before a message decides how it begins: a day, a line for what is new, a face or none. */
  relate(article) {
    if (!article) return;
    const before = article.previousElementSibling?.message;
    const { message } = article;
    article.querySelector(":scope > .divider")?.remove();
    const newDay = !before || dayOf(before.ts) !== dayOf(message.ts);
    const isNew = this.readTo && message.ts > this.readTo && before && before.ts <= this.readTo && message.user !== state.me.id;
    if (isNew) article.prepend(h("div", { class: "divider new", role: "separator" }, h("span", {}, "New")));
    else if (newDay && !this.thread) article.prepend(h("div", { class: "divider", role: "separator" }, h("span", {}, dayOf(message.ts))));
    const close = before && !newDay && !isNew && before.user === message.user && before.ephemeral === message.ephemeral && message.ts - before.ts < TOGETHER;
    article.classList.toggle("follows", Boolean(close) && !(this.thread && before.ts === this.thread));
  }

  /** A word from the page itself, which nobody else sees and nothing keeps. */
  notice(words) {
    const ts = String(now() / 1000 + 0.5);
    const note = h("div", { class: "message ephemeral local", role: "listitem", data: { ts } });
    note.message = { ts, user: "", ephemeral: true };
    note.append(h("div", { class: "only-you" }, icon("eye"), "Only visible to you"), h("div", { class: "words" }, mrkdwn(words)));
    this.list.append(note);
    this.toEnd();
  }

  read() {
    const last = [...this.shown.keys()].reduce((a, b) => (a > b ? a : b), "");
    if (!last || document.hidden || last === this.marked) return;
    this.marked = last;
    markRead(this.channel, last, this.thread).then((channel) => this.onRead?.(channel));
  }

  // Drawing.

  draw(message) {
    const author = nameOf(message.user);
    const gone = message.subtype === "tombstone";
    const article = h("article", {
      class: `message${message.ephemeral ? " ephemeral" : ""}${gone ? " tombstone" : ""}`,
      role: "listitem",
      tabindex: "-1",
      "aria-label": `${author}, ${timeOf(message.ts)}: ${bareText(message.text).slice(0, 120)}`,
      data: { ts: message.ts },
    });
    if (message.ephemeral) article.append(h("div", { class: "only-you" }, icon("eye"), "Only visible to you"));
    const head = h(
      "div",
      { class: "head" },
      h("span", { class: "author" }, author),
      message.by_bot && h("span", { class: "tag" }, "App"),
      h("a", { class: "time", href: message.permalink, on: { click: (event) => this.link(event, message) } }, timeOf(message.ts)),
    );
    const body = h("div", { class: "body" }, head, this.content(message), gone ? null : this.below(message));
    article.append(h("div", { class: "line" }, avatar(message.user), h("span", { class: "side-time", "aria-hidden": "true" }, timeOf(message.ts)), body));
    return article;
  }

  link(event, message) {
    event.preventDefault();
    this.goTo(ownLink(message.permalink));
  }

  content(message) {
    const typed = !message.by_bot || !message.blocks.length;
    const edited = message.edited && h("span", { class: "edited" }, "(edited)");
    if (typed && !message.text) return edited ? h("div", { class: "words" }, edited) : null;
    if (typed) return h("div", { class: "words" }, mrkdwn(message.text), edited ? " " : null, edited);
    const where = { channel: message.channel, ts: message.ts };
    const key = (block, part) => `${message.ts}/${block.block_id}/${part.action_id}`;
    const surface = {
      press: (block, part, option) => {
        if (option !== undefined) chosen.set(key(block, part), option);
        return press(where, block, part, option);
      },
      chosen: (block, part) => chosen.get(key(block, part)),
      follow: (url) => {
        const place = ownLink(url);
        if (place) this.goTo(place);
        return Boolean(place);
      },
    };
    const drawn = h("div", { class: "blocks" }, renderBlocks(message.blocks, surface), edited);
    drawn.addEventListener("click", (event) => {
      const place = event.target.closest?.("a[href]") && ownLink(event.target.closest("a[href]").href);
      if (!place) return;
      event.preventDefault();
      this.goTo(place);
    });
    return drawn;
  }

  below(message) {
    return [
      this.files(message.files),
      (message.attachments || []).map((attachment) => h("div", { class: "attachment" }, h("div", { class: "words" }, mrkdwn(attachment.text || attachment.fallback || "")), renderBlocks(attachment.blocks || [], { press: () => {} }))),
      this.reactions(message.reactions),
      this.threadLine(message),
    ];
  }

  files(files) {
    if (!files.length) return null;
    const shown = files.filter((f) => f.mode === "hosted" && SHOWABLE.test(f.mimetype));
    const rest = files.filter((f) => !shown.includes(f));
    const gallery = shown.length && pictures(shown.map((f) => ({ src: fileAddress(f.id), save: fileAddress(f.id, true), alt: f.title || f.name, name: f.name, width: f.width, height: f.height })));
    return h("div", { class: "files" }, gallery || null, rest.map(fileCard));
  }

  reactions(reactions) {
    const names = Object.entries(reactions || {});
    if (!names.length) return null;
    return h("div", { class: "reactions" }, names.map(([name, users]) => h("span", { class: "reaction", title: users.map(nameOf).join(", ") }, mrkdwn(`:${name}:`), ` ${users.length}`)));
  }

  threadLine(message) {
    const replies = message.replies;
    if (this.thread || !replies?.count) return null;
    const words = replies.count === 1 ? "1 reply" : `${replies.count} replies`;
    return h(
      "button",
      { type: "button", class: "thread-line", on: { click: () => this.openThread(message.ts) } },
      h("span", { class: "faces" }, replies.users.map((id) => avatar(id, "small"))),
      h("span", { class: "thread-count" }, words),
      replies.unread ? h("span", { class: "dot", title: `${replies.unread} new` }) : null,
      h("span", { class: "hint" }, `last ${timeOf(replies.latest)}`),
    );
  }

  // Hands.

  steer(event) {
    const article = event.target.closest?.(".message");
    if (!article || event.target !== article) return;
    if (event.key === "ArrowDown") article.nextElementSibling?.focus();
    else if (event.key === "ArrowUp") article.previousElementSibling?.focus();
    else if ((event.key === "Enter" || event.key === "t") && !this.thread) this.openThread(article.message.thread_ts || article.message.ts);
    else return;
    event.preventDefault();
  }

  /** Lay the tools over the message under the pointer or the focus. */
  offer(article) {
    if (!article?.message || article.classList.contains("local") || this.offered === article) return;
    this.tools?.remove();
    const { message } = article;
    if (message.subtype === "tombstone") return;
    this.offered = article;
    const more = iconButton("more", "More actions", () => openMenu(more, this.actions(message), "Message actions"), { "aria-haspopup": "menu", "aria-expanded": "false" });
    this.tools = h(
      "div",
      { class: "tools", role: "toolbar", "aria-label": "Message" },
      !this.thread && !message.ephemeral && iconButton("thread", "Reply in thread", () => this.openThread(message.thread_ts || message.ts)),
      !message.ephemeral && iconButton("link", "Copy link", () => this.copy(message)),
      more,
    );
    article.append(this.tools);
  }

  actions(message) {
    const mine = message.user === state.me.id;
    const items = [];
    if (!this.thread && !message.ephemeral) items.push({ label: "Reply in thread", run: () => this.openThread(message.thread_ts || message.ts) });
    if (!message.ephemeral) items.push({ label: "Copy link", run: () => this.copy(message) });
    if (mine) items.push({ label: "Edit message", run: () => this.edit(message, this) });
    if (mine || state.me.admin) items.push({ label: "Delete message", danger: true, run: () => this.remove(message) });
    const shortcuts = state.app.shortcuts.filter((s) => s.type === "message");
    if (shortcuts.length && !message.ephemeral) {
      items.push("-", { heading: state.app.name });
      for (const shortcut of shortcuts) items.push({ label: shortcut.name || shortcut.callback_id, hint: shortcut.description, run: () => this.shortcut(shortcut, message) });
    }
    return items.length ? items : [{ label: "Nothing to do with this message", run: () => {} }];
  }

  async shortcut(shortcut, message) {
    try {
      const result = await act("shortcut", { callback_id: shortcut.callback_id, channel: message.channel, ts: message.ts });
      if (!result.acked) toast(`${state.app.name} did not answer. Try again in a moment.`, "bad");
    } catch (error) {
      toast(explain(error), "bad");
    }
  }

  async copy(message) {
    await navigator.clipboard?.writeText(message.permalink).catch(() => {});
    toast("Link copied.");
  }

  async remove(message) {
    if (!(await askPlain("Delete this message?", "This cannot be undone.", "Delete", "danger"))) return;
    await act("delete", { channel: message.channel, ts: message.ts }).catch((error) => toast(explain(error), "bad"));
  }
}

function fileCard(file) {
  const about = {
    tombstone: "This file was deleted.",
    hidden_by_limit: "Hidden: the workspace is over its limit.",
    external: "Lives elsewhere.",
    file_access: "Shared from another workspace.",
  }[file.mode];
  const size = file.size > 1_000_000 ? `${(file.size / 1_000_000).toFixed(1)} MB` : `${Math.max(1, Math.round(file.size / 1000))} kB`;
  const link = file.mode === "hosted" ? fileAddress(file.id, true) : file.url && safeLink(file.url);
  const name = link ? h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, file.name) : h("span", {}, file.name);
  return h("div", { class: "file-card" }, icon("file"), h("div", {}, h("div", { class: "file-name" }, name), h("div", { class: "hint" }, about || `${file.mimetype || "still being looked at"} · ${size}`)));
}

/** The direct conversation with the app, by id or by the name that opens it. */
export function appConversation() {
  return directWith(state.app.user)?.id || `@${state.people.get(state.app.user).name}`;
}

export { picture };
