// Menus one can type into: for one choice or several, of given options, of people and channels, or of the app's.
//
// An option is `{value, label, hint, group}`. The list lies above everything else, and follows its field.

import { h, icon, iconButton } from "./dom.js";
import { follow } from "./menus.js";

const QUIET = 250;
let count = 0;

/** Draw one. `options(typed)` answers a list or a promise of one; `change(value)` hears a value, a list, or null. */
export function select({ id, label, placeholder, options, chosen, many = false, most = Infinity, least = 0, clear = true, change, autofocus }) {
  return new Select({ id, label, placeholder, options, chosen, many, most, least, clear, change, autofocus }).node;
}

class Select {
  constructor(given) {
    Object.assign(this, given);
    this.chosen = given.many ? [...(given.chosen || [])] : given.chosen || null;
    this.offered = [];
    this.at = -1;
    const list = `options-${++count}`;
    this.input = h("input", {
      id: this.id, type: "text", class: "select-input", autocomplete: "off", spellcheck: false, role: "combobox", "aria-label": this.label,
      "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list, placeholder: this.placeholder || "Choose…", autofocus: this.autofocus || null,
    });
    this.list = h("div", { id: list, class: "options", role: "listbox", "aria-label": this.label, "aria-multiselectable": this.many ? "true" : null, popover: "manual" });
    this.chips = this.many ? h("span", { class: "chips" }) : null;
    this.away = !this.many && this.clear ? iconButton("close", `Clear ${this.label}`, () => this.pick(null), { class: "select-clear" }) : null;
    this.node = h("div", { class: `select input${this.many ? " many" : ""}` }, this.chips, this.input, this.away, icon("down"), this.list);
    this.node.addEventListener("pointerdown", (event) => this.pressed(event));
    this.input.addEventListener("input", () => this.open(true));
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => this.close());
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.show();
  }

  get isOpen() {
    return this.input.getAttribute("aria-expanded") === "true";
  }

  // What is chosen.

  show() {
    if (this.many) {
      this.chips.replaceChildren(...this.chosen.map((one) => h("span", { class: "chip" }, one.label, iconButton("close", `Remove ${one.label}`, () => this.toggle(one)))));
      this.input.value = "";
      this.input.placeholder = this.chosen.length ? "" : this.placeholder || "Choose…";
      return;
    }
    this.input.value = this.chosen?.label || "";
    if (this.away) this.away.hidden = !this.chosen;
  }

  pick(one) {
    this.chosen = one;
    this.show();
    this.close();
    this.change(one);
    this.input.focus();
  }

  toggle(one) {
    const there = this.chosen.find((other) => other.value === one.value);
    if (!there && this.chosen.length >= this.most) return;
    this.chosen = there ? this.chosen.filter((other) => other !== there) : [...this.chosen, one];
    this.show();
    this.change(this.chosen);
    this.input.focus();
    if (this.isOpen) this.draw();
  }

  // What is offered.

  pressed(event) {
    if (event.target.closest("button, .options")) return;
    if (event.target !== this.input) event.preventDefault();
    this.input.focus();
    if (this.isOpen && event.target !== this.input) this.close();
    else this.open();
  }

  async open(typing = false) {
    if (!this.isOpen) {
      this.input.setAttribute("aria-expanded", "true");
      this.list.showPopover();
      this.unfollow = follow(this.list, this.node);
      if (!this.many && !typing) this.input.select();
    }
    const typed = typing || this.many ? this.input.value.trim() : "";
    if (typed.length < this.least) {
      this.say(`Type at least ${this.least} letter${this.least === 1 ? "" : "s"}.`);
      return;
    }
    const turn = (this.turn = (this.turn || 0) + 1);
    let found = this.options(typed);
    if (found instanceof Promise || this.slow) {
      this.slow = true;
      this.say("Looking…");
    }
    try {
      found = await found;
    } catch (error) {
      if (turn === this.turn) this.say(String(error.message || error));
      return;
    }
    if (turn !== this.turn || !this.isOpen) return;
    this.offered = found;
    const here = this.many ? -1 : found.findIndex((one) => one.value === this.chosen?.value);
    this.at = found.length ? Math.max(0, here) : -1;
    this.draw();
  }

  say(words) {
    this.offered = [];
    this.at = -1;
    this.list.replaceChildren(h("div", { class: "options-note hint", role: "option", "aria-disabled": "true", "aria-selected": "false" }, words));
    this.input.removeAttribute("aria-activedescendant");
  }

  draw() {
    if (!this.offered.length) return this.say("Nothing fits.");
    const full = this.many && this.chosen.length >= this.most;
    let group = null;
    const rows = this.offered.flatMap((one, at) => {
      const on = this.many ? this.chosen.some((other) => other.value === one.value) : this.chosen?.value === one.value;
      const row = h(
        "div",
        { id: `${this.list.id}-${at}`, class: "option", role: "option", "aria-selected": String(on), "aria-disabled": full && !on ? "true" : null, on: { click: () => this.take(at), pointermove: () => this.at !== at && this.mark(at) } },
        h("span", { class: "option-words" }, h("span", {}, one.label), one.hint && h("span", { class: "hint" }, one.hint)),
      );
      const head = one.group && one.group !== group ? [h("div", { class: "menu-heading", role: "presentation" }, one.group)] : [];
      group = one.group;
      return [...head, row];
    });
    const note = full ? [h("div", { class: "options-note hint", role: "presentation" }, `At most ${this.most}.`)] : [];
    this.list.replaceChildren(...rows, ...note);
    this.mark(this.at);
    return undefined;
  }

  mark(at) {
    this.list.querySelector(".here")?.classList.remove("here");
    this.at = at;
    const row = this.list.querySelector(`#${this.list.id}-${at}`);
    if (!row) return;
    row.classList.add("here");
    row.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", row.id);
  }

  take(at) {
    const one = this.offered[at];
    if (!one) return;
    if (this.many) this.toggle(one);
    else this.pick(one);
  }

  close() {
    if (!this.isOpen) return;
    this.turn = (this.turn || 0) + 1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.unfollow?.();
    if (this.list.matches(":popover-open")) this.list.hidePopover();
    this.show();
  }

  key(event) {
    if (event.isComposing) return;
    const last = this.offered.length - 1;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !this.isOpen) this.open();
    else if (step && last >= 0) this.mark((this.at + step + last + 1) % (last + 1));
    else if (event.key === "Enter" && this.isOpen) this.take(this.at);
    else if (event.key === "Enter" || (event.key === " " && !this.isOpen && !this.input.value)) this.open();
    else if (event.key === "Escape" && this.isOpen) this.close();
    else if (event.key === "Backspace" && this.many && !this.input.value && this.chosen.length) this.toggle(this.chosen.at(-1));
    else if ((event.key === "Backspace" || event.key === "Delete") && !this.many && this.clear && !this.isOpen && this.chosen) this.pick(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Ask only once somebody has stopped typing for a moment. */
export function patient(ask) {
  let timer = 0;
  return (typed) =>
    new Promise((answer, refuse) => {
      clearTimeout(timer);
      timer = setTimeout(() => ask(typed).then(answer, refuse), typed ? QUIET : 0);
    });
}

/** Those of a list in which the typed words occur; the ones that begin with them first. */
export function among(options, typed) {
  const wanted = typed.toLowerCase();
  const found = options.filter((one) => `${one.label} ${one.hint || ""}`.toLowerCase().includes(wanted));
  return wanted ? [...found].sort((a, b) => Number(b.label.toLowerCase().startsWith(wanted)) - Number(a.label.toLowerCase().startsWith(wanted))) : found;
}
