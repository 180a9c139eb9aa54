// Where one writes: text, photos by drop, paste or choice, and completion of commands, people and channels.

import { act } from "./api.js";
import { h, icon, iconButton, toast } from "./dom.js";
import { openMenu } from "./menus.js";
import { explain, shortcut } from "./says.js";
import { nameOf, state } from "./state.js";
import { EMOJI } from "./words.js";

const OWN = [
  { name: "/invite", description: "Bring somebody, or the app, into this channel", hint: "@app" },
  { name: "/remove", description: "Send somebody out of this channel", hint: "@app" },
];
const drafts = new Map();
let count = 0;

function commands() {
  return [...state.app.commands, ...OWN.map((own) => ({ ...own, hint: `@${state.people.get(state.app.user).name}` }))];
}

/** A text field with everything around it, for a conversation or a thread. */
export class Composer {
  constructor({ channel, thread = null, name, pane, editLast, move }) {
    Object.assign(this, { channel, thread, pane, editLast, move });
    this.key = `${channel}/${thread || ""}`;
    this.files = [];
    const id = `composer-${++count}`;
    this.text = h("textarea", {
      id, rows: "1", class: "composer-text", placeholder: name, "aria-label": name, autocomplete: "off",
      "aria-autocomplete": "list", "aria-controls": `${id}-list`, "aria-haspopup": "listbox",
    });
    this.text.value = drafts.get(this.key) || "";
    this.list = h("div", { id: `${id}-list`, class: "completion", role: "listbox", "aria-label": "Suggestions", hidden: true });
    this.chooser = h("input", { type: "file", multiple: true, class: "unseen", tabindex: "-1", "aria-label": "Choose files", on: { change: () => this.choose() } });
    this.previews = h("ul", { class: "previews", "aria-label": "Files to send" });
    this.sender = iconButton("send", "Send", () => this.send(), { class: "send" });
    const bolt = iconButton("bolt", "Shortcuts", () => openMenu(bolt, this.shortcuts(), "Shortcuts"), { "aria-haspopup": "menu", "aria-expanded": "false" });
    const add = iconButton("plus", "Add photos or files", () => this.chooser.click());
    this.node = h("form", { class: "composer", on: { submit: (event) => event.preventDefault() } }, this.list, this.previews, this.text, h("div", { class: "composer-bar" }, add, this.chooser, this.thread ? null : bolt, h("span", { class: "composer-hint" }, "Enter sends, Shift + Enter for a new line"), this.sender));
    this.text.addEventListener("input", () => this.changed());
    this.text.addEventListener("keydown", (event) => this.key_(event));
    this.text.addEventListener("paste", (event) => this.paste(event));
    this.text.addEventListener("blur", () => setTimeout(() => this.offer([]), 150));
    this.changed();
  }

  focus() {
    this.text.focus();
  }

  changed() {
    drafts.set(this.key, this.text.value);
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 220)}px`;
    this.sender.disabled = !this.text.value.trim() && !this.files.length;
    this.complete();
  }

  // Files.

  choose() {
    this.add(this.chooser.files);
    this.chooser.value = "";
  }

  paste(event) {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    this.add(event.clipboardData.files);
  }

  /** Take files from wherever they came. */
  add(files) {
    this.files.push(...files);
    this.drawPreviews();
    this.text.focus();
  }

  drawPreviews() {
    for (const image of this.previews.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    this.previews.replaceChildren(
      ...this.files.map((file) => {
        const seen = file.type.startsWith("image/") ? h("img", { src: URL.createObjectURL(file), alt: "" }) : h("span", { class: "no-picture" }, icon("file"));
        const away = iconButton("close", `Remove ${file.name}`, () => {
          this.files = this.files.filter((f) => f !== file);
          this.drawPreviews();
        });
        return h("li", { title: file.name }, seen, h("span", { class: "file-name" }, file.name), away);
      }),
    );
    this.changed();
  }

  // Sending.

  async send() {
    const words = this.text.value.trim();
    if (this.sending || (!words && !this.files.length)) return;
    if (words.startsWith("/") && !this.files.length) {
      await this.command(words);
      return;
    }
    this.sending = true;
    this.node.classList.add("busy");
    const escaped = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    try {
      await act("post", { channel: this.channel, text: escaped, thread_ts: this.thread }, this.files);
      this.clear();
    } catch (error) {
      toast(explain(error), "bad");
    } finally {
      this.sending = false;
      this.node.classList.remove("busy");
    }
  }

  clear() {
    this.text.value = "";
    this.files = [];
    this.drawPreviews();
    this.pane.stuck = true;
    this.pane.toEnd();
  }

  async command(words) {
    const [command, ...rest] = words.split(/\s+/);
    if (this.thread) {
      this.pane.notice(`\`${command}\` does not work in threads. Use it in the conversation, or mention the app here.`);
      return;
    }
    if (OWN.some((c) => c.name === command)) {
      this.invite(command, rest.join(" "));
      return;
    }
    const known = state.app.commands.find((c) => c.name === command.toLowerCase());
    if (!known) {
      const names = commands().map((c) => `\`${c.name}\``).join(", ");
      this.pane.notice(`\`${command}\` is not a valid command. There is ${names}.`);
      return;
    }
    this.clear();
    try {
      const result = await act("command", { channel: this.channel, command: known.name, text: words.slice(command.length).trim() });
      if (!result.acked) this.pane.notice(`\`${words}\` failed with the error "operation_timeout": ${state.app.name} did not answer in time.`);
    } catch (error) {
      this.pane.notice(`\`${command} ${rest.join(" ")}\` failed: ${explain(error)}`);
    }
  }

  /** The two commands of Slack's own that a bot's story needs. */
  async invite(command, whom) {
    const named = [...state.people.values()].find((p) => p.name === whom.trim().replace(/^@/, "") && !p.deleted);
    if (!named) return this.pane.notice(`\`${command}\` wants somebody: \`${command} @${state.people.get(state.app.user).name}\`.`);
    this.clear();
    return this.move(named.id, command === "/invite");
  }

  shortcuts() {
    const own = state.app.shortcuts.filter((s) => s.type === "global");
    const items = own.map((one) => ({ label: one.name || one.callback_id, hint: one.description, run: () => shortcut(one.callback_id) }));
    const commands = state.app.commands.map((command) => ({ label: command.name, hint: command.description, run: () => this.insert(0, `${command.name} `) }));
    return [...(items.length ? [{ heading: state.app.name }, ...items, "-"] : []), { heading: "Commands" }, ...commands];
  }

  // Completion.

  complete() {
    const upTo = this.text.value.slice(0, this.text.selectionStart);
    const start = /^(\/\S*)$/.exec(upTo);
    if (start) return this.offer(commands().filter((c) => c.name.startsWith(start[1].toLowerCase())).map((c) => ({ put: `${c.name} `, at: 0, label: c.name, hint: c.description })));
    const command = /^(\/\S+)\s+(\S*)$/.exec(upTo);
    const known = command && commands().find((c) => c.name === command[1].toLowerCase());
    if (known?.hint) {
      const words = known.hint.split("|").map((w) => w.trim()).filter((w) => w.startsWith(command[2]) && w.split(" ")[0] !== command[2]);
      return this.offer(words.map((w) => ({ put: `${known.name} ${w.split(" ")[0]} `, at: 0, label: `${known.name} ${w}`, hint: "" })));
    }
    const person = /(^|\s)@([\w.-]*)$/.exec(upTo);
    if (person) {
      const wanted = person[2].toLowerCase();
      const found = [...state.people.values()].filter((p) => !p.deleted && (p.name.startsWith(wanted) || nameOf(p.id).toLowerCase().includes(wanted)));
      found.sort((a, b) => Number(b.bot) - Number(a.bot) || a.name.localeCompare(b.name));
      return this.offer(found.map((p) => ({ put: `@${p.name} `, at: upTo.length - wanted.length - 1, label: `@${p.name}`, hint: nameOf(p.id) + (p.bot ? " · app" : "") })));
    }
    const channel = /(^|\s)#([\w-]*)$/.exec(upTo);
    if (channel) {
      const found = [...state.channels.values()].filter((c) => c.name && c.kind !== "mpim" && c.name.startsWith(channel[2]));
      return this.offer(found.map((c) => ({ put: `#${c.name} `, at: upTo.length - channel[2].length - 1, label: `#${c.name}`, hint: c.kind === "group" ? "private" : "" })));
    }
    const sign = /(^|\s):([a-z0-9_+-]{2,})$/.exec(upTo);
    if (sign) {
      const found = Object.entries(EMOJI).filter(([name]) => name.includes(sign[2])).slice(0, 8);
      return this.offer(found.map(([name, drawn]) => ({ put: `${drawn} `, at: upTo.length - sign[2].length - 1, label: `${drawn} :${name}:`, hint: "" })));
    }
    return this.offer([]);
  }

  offer(suggestions) {
    this.suggestions = suggestions;
    this.picked = 0;
    this.list.hidden = !suggestions.length;
    this.list.replaceChildren(
      ...suggestions.map((s, at) =>
        h("div", { id: `${this.list.id}-${at}`, role: "option", class: "suggestion", on: { pointerdown: (event) => (event.preventDefault(), this.accept(at)) } }, h("span", { class: "menu-label" }, s.label), s.hint && h("span", { class: "menu-hint" }, s.hint)),
      ),
    );
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((child, at) => child.setAttribute("aria-selected", String(at === this.picked)));
    const current = this.list.children[this.picked];
    if (current) this.text.setAttribute("aria-activedescendant", current.id);
    else this.text.removeAttribute("aria-activedescendant");
    current?.scrollIntoView({ block: "nearest" });
  }

  accept(at) {
    const { put, at: from } = this.suggestions[at];
    this.insert(from, put);
  }

  insert(from, words) {
    const end = from === 0 && words.startsWith("/") ? this.text.value.length : this.text.selectionStart;
    this.text.setRangeText(words, from, end, "end");
    this.text.focus();
    this.changed();
  }

  key_(event) {
    if (event.isComposing) return;
    const many = this.suggestions.length;
    if (many && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      this.picked = (this.picked + (event.key === "ArrowDown" ? 1 : many - 1)) % many;
      this.mark();
    } else if (many && (event.key === "Tab" || (event.key === "Enter" && !this.finished()))) this.accept(this.picked);
    else if (many && event.key === "Escape") {
      this.offer([]);
      event.stopPropagation();
    } else if (event.key === "Enter" && !event.shiftKey) this.send();
    else if (event.key === "ArrowUp" && !this.text.value && !this.files.length) this.editLast();
    else return;
    event.preventDefault();
  }

  /** Whether what is typed stands as it is: then Enter sends it rather than completing it. */
  finished() {
    const { put, at } = this.suggestions[this.picked];
    const typed = this.text.value.slice(at).trim();
    return typed === put.trim() || (/^\/\S+\s*$/.test(this.text.value) && /^\/\S+ \S+ $/.test(put));
  }
}
