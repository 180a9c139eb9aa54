// Modals and the home tab: forms that keep what was typed when the app changes them, with errors under their fields.

import { act, Refused } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { h, iconButton } from "./dom.js";
import { field, optionsOf, sent, stored } from "./fields.js";
import { ownLink } from "./links.js";
import { explain, press, suggest } from "./says.js";
import { state } from "./state.js";
import { text } from "./words.js";

let shown = null;
let count = 0;
const TYPED = /_input$/;
const PAUSE = 400;

/** Show the modal that is on top now, change the one that is shown, or close it. */
export function showModal(view, goTo) {
  if (!view) {
    shown?.dismiss();
    shown = null;
    return;
  }
  if (shown && shown.view.id !== view.id && view.depth === 1 && shown.depth === 1) {
    shown.dismiss();
    shown = null;
  }
  shown ??= new Modal(goTo);
  shown.show(view);
}

class Modal {
  constructor(goTo) {
    this.goTo = goTo;
    this.values = new Map();
    this.errors = {};
    this.coming = new Set();
    const id = `modal-${++count}`;
    this.title = h("h2", { id, class: "modal-title" });
    this.body = h("div", { class: "modal-body" });
    this.foot = h("div", { class: "modal-foot" });
    this.trouble = h("div", { class: "modal-trouble", role: "alert" });
    this.lower = iconButton("back", "Back to the form below", () => this.close(), { hidden: true });
    this.form = h("form", { novalidate: true, on: { submit: (event) => this.submit(event) } }, h("header", { class: "modal-head" }, this.lower, h("img", { class: "avatar app-face small", src: "/page/icon.svg", alt: "" }), this.title, iconButton("close", "Close", () => this.close({ everything: true }))), this.body, this.trouble, this.foot);
    this.dialog = h("dialog", { class: "modal", "aria-labelledby": id }, this.form, h("div", { class: "toasts modal-toasts", role: "status" }));
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      if (event.target === this.dialog) this.close();
    });
    this.opener = document.activeElement;
    document.body.append(this.dialog);
    this.dialog.showModal();
  }

  get depth() {
    return this.view.depth;
  }

  show(view) {
    const same = this.view?.id === view.id && this.view.hash === view.hash;
    this.view = view;
    if (same) {
      this.showErrors(view.errors);
      return;
    }
    this.title.textContent = view.title;
    this.lower.hidden = view.depth < 2;
    this.trouble.textContent = "";
    this.fields = new Map();
    const at = this.body.contains(document.activeElement) ? document.activeElement.closest("[data-block]")?.dataset.block : null;
    const surface = {
      input: (block) => this.input(block),
      press: (block, part, option) => this.press(block, part, option),
      suggest: (block, part, typed) => suggest({ view_id: view.id }, block, part, typed),
      chosen: (block, part) => this.value(block, part),
      follow: (url) => {
        const place = ownLink(url);
        if (place) this.close({ everything: true }).then(() => this.goTo(place));
        return Boolean(place);
      },
    };
    this.body.replaceChildren(...renderBlocks(view.blocks, surface));
    this.sender = view.submit ? h("button", { type: "submit", class: "button primary", disabled: view.submit_disabled }, view.submit) : null;
    this.foot.replaceChildren(h("button", { type: "button", class: "button", on: { click: () => this.close() } }, view.close || "Close"), ...(this.sender ? [this.sender] : []));
    this.showErrors(view.errors);
    const kept = at && this.body.querySelector(`[data-block="${CSS.escape(at)}"] :is(input, select, textarea)`);
    const first = this.body.querySelector("[autofocus]") || this.body.querySelector("input:not([type=checkbox], [type=radio], [type=file]), textarea") || this.foot.lastElementChild;
    if (kept || !this.form.contains(document.activeElement) || !same) (kept || first)?.focus();
  }

  key(block, part) {
    return `${this.view.id}/${block.block_id}/${part.action_id}/${part.type}`;
  }

  /** What a field holds: what was typed here, else what the view came with, where that is still offered. */
  value(block, part) {
    const key = this.key(block, part);
    const held = this.values.has(key) ? this.values.get(key) : stored(this.view.values[block.block_id]?.[part.action_id]);
    const offered = part.options || part.option_groups ? optionsOf(part).map((option) => option.value) : null;
    if (!offered) return held;
    if (Array.isArray(held)) return held.filter((value) => offered.includes(value));
    return offered.includes(held) ? held : undefined;
  }

  input(block) {
    const part = block.element;
    const id = `input-${++count}`;
    const error = h("div", { class: "error", id: `${id}-error`, role: "alert" });
    const drawn = field(part, this.value(block, part), {
      label: block.label.text,
      change: (value) => this.changed(block, part, value),
      enter: () => (block.dispatch_action ? this.dispatch(block, part) : this.form.requestSubmit()),
      upload: (files, held) => this.bring(this.upload(block, files, held)),
      suggest: (typed) => suggest({ view_id: this.view.id }, block, part, typed),
      required: !block.optional,
    });
    if (!drawn) return h("div", { class: "unknown" }, `Unknown input: ${part.type}`);
    const control = drawn.matches("input, textarea") ? drawn : drawn.querySelector("input:not([type=checkbox], [type=radio]), textarea") || drawn;
    control.setAttribute("aria-describedby", `${id}-error${block.hint ? ` ${id}-hint` : ""}`);
    this.fields.set(block.block_id, { block, part, control, error });
    const several = /checkboxes|radio/.test(part.type);
    const label = h(several ? "div" : "label", { class: "label", for: several ? null : control.id }, block.label.text, block.optional && h("span", { class: "optional" }, " (optional)"));
    const node = h("div", { class: "input-block" }, label, drawn, block.hint && h("div", { class: "hint", id: `${id}-hint` }, text(block.hint)), error);
    return node;
  }

  changed(block, part, value) {
    this.values.set(this.key(block, part), value);
    this.showError(block.block_id, "");
    if (!block.dispatch_action) return;
    if (!TYPED.test(part.type)) this.dispatch(block, part);
    else if (part.dispatch_action_config?.trigger_actions_on?.includes("on_character_entered")) {
      clearTimeout(this.pause);
      this.pause = setTimeout(() => this.dispatch(block, part), PAUSE);
    }
  }

  /** Everything entered so far, keyed by block, as the form's own refusals name it. */
  entered() {
    const values = {};
    for (const [id, { block, part }] of this.fields) {
      const value = this.value(block, part);
      if (value !== undefined) values[id] = sent(part, value);
    }
    return values;
  }

  /** A form waits for what was chosen for it: until it is there it is in `coming`. */
  bring(upload) {
    const over = () => this.coming.delete(upload);
    this.coming.add(upload);
    upload.then(over, over);
    return upload;
  }

  async upload(block, files, held) {
    const view_id = this.view.id;
    try {
      const view = await act("fill", { view_id, values: { [block.block_id]: { files: files.map((_, at) => at) } } }, files);
      const added = view.values[block.block_id][block.element.action_id].files;
      await act("fill", { view_id, values: { [block.block_id]: [...held, ...added].map((file) => file.id) } });
      return added;
    } catch (error) {
      this.refuse(error, block.block_id);
      return null;
    }
  }

  async press(block, part, option) {
    if (option !== undefined) this.values.set(this.key(block, part), option);
    await this.keep();
    await press({ view_id: this.view.id }, block, part, option === undefined ? option : sent(part, option));
  }

  async dispatch(block, part) {
    await this.keep();
    await press({ view_id: this.view.id }, block, part, this.entered()[block.block_id]);
  }

  /** An app that hears of a press sees the whole form: so what was typed is handed over first, as far as it is well formed. */
  async keep() {
    for (const [block, value] of Object.entries(this.entered())) {
      await act("fill", { view_id: this.view.id, values: { [block]: value } }).catch((error) => {
        if (!(error instanceof Refused)) throw error;
      });
    }
  }

  async submit(event) {
    event.preventDefault();
    if (!this.sender || this.sender.disabled || this.busy) return;
    this.busy = true;
    this.showErrors({});
    this.trouble.textContent = "";
    this.sender.setAttribute("aria-busy", "true");
    try {
      if ((await Promise.all(this.coming)).includes(null)) return;
      const result = await act("submit", { view_id: this.view.id, values: this.entered() });
      if (!result.acked) this.trouble.textContent = `${state.app.name} did not answer in time. Nothing you typed is lost: try again.`;
      else if (Object.keys(result.errors).length) this.showErrors(result.errors);
      else if (result.error) this.trouble.textContent = `${state.app.name} answered with something that cannot be shown (${result.error}).`;
    } catch (error) {
      this.refuse(error);
    } finally {
      this.busy = false;
      this.sender?.removeAttribute("aria-busy");
    }
  }

  /** Put a refusal where it belongs: under its field, or above the buttons. */
  refuse(error, block_id = null) {
    if (!(error instanceof Refused)) throw error;
    const { facts } = error;
    if (error.error === "form_not_filled") {
      const words = (problem) => (problem === "required" ? "Please fill in this field." : `Please enter ${problem}.`);
      this.showErrors(Object.fromEntries(Object.entries(facts.blocks).map(([id, problem]) => [id, words(problem)])));
      return;
    }
    const kind = this.fields.get(facts.field)?.part.type;
    const wrong = { email_text_input: "Enter an email address.", url_text_input: "Enter a web address that begins with https://.", number_input: "Enter a number." }[kind];
    const words = {
      invalid_value: wrong || "This is not valid.",
      too_long: `At most ${facts.most} characters.`,
      out_of_range: facts.least === null ? `At most ${facts.most}.` : facts.most === null ? `At least ${facts.least}.` : `Between ${facts.least} and ${facts.most}.`,
      too_many_selected: "Too many are chosen.",
      too_many_files: `At most ${facts.most} files.`,
      file_too_large: `${facts.name} is larger than 10 MB.`,
    }[error.error];
    const place = facts.field || block_id;
    if (words && place) this.showErrors({ [place]: words });
    else this.trouble.textContent = words || explain(error);
  }

  showErrors(errors) {
    for (const id of this.fields.keys()) this.showError(id, errors[id] || "");
    const first = [...this.fields.entries()].find(([id]) => errors[id]);
    if (!first) return;
    const { control } = first[1];
    (control.matches("input, textarea, button") ? control : control.querySelector("input, textarea, button"))?.focus();
    first[1].error.scrollIntoView({ block: "nearest" });
  }

  showError(id, words) {
    const known = this.fields.get(id);
    if (!known) return;
    known.error.textContent = words;
    if (words) known.control.setAttribute("aria-invalid", "true");
    else known.control.removeAttribute("aria-invalid");
    known.error.parentElement?.classList.toggle("wrong", Boolean(words));
  }

  /** Close what is on top, or with the cross everything that lies there. */
  async close({ everything = false } = {}) {
    await act("close", { view_id: this.view.id, everything }).catch((error) => {
      if (!(error instanceof Refused)) throw error;
      // Already gone over there: nothing is left to be told.
      showModal(null);
    });
  }

  dismiss() {
    this.dialog.close();
    this.dialog.remove();
    this.opener?.isConnected && this.opener.focus();
  }
}

/** The app's home tab. */
export function homeTab(view, goTo) {
  if (!view) return h("div", { class: "home empty" }, h("p", {}, `${state.app.name} has published nothing here yet.`));
  const surface = {
    press: (block, part, option) => press({ home: true }, block, part, option === undefined ? option : sent(part, option)),
    suggest: (block, part, typed) => suggest({ home: true }, block, part, typed),
    chosen: (block, part) => stored(view.values[block.block_id]?.[part.action_id]),
    follow: (url) => {
      const place = ownLink(url);
      if (place) goTo(place);
      return Boolean(place);
    },
  };
  return h("div", { class: "home blocks" }, renderBlocks(view.blocks, surface));
}
