// What one fills in or chooses from: every input of Block Kit, as the form knows its value.
//
// A value is a string, a list of strings, for files a list of `{id, name}`, and for what the app offers itself
// its options, words and all; `stored` makes one of a view's state and `sent` what is sent of it.

import { h } from "./dom.js";
import { fileField } from "./filefield.js";
import { among, patient, select } from "./select.js";
import { isApp, nameOf, state, titleOf } from "./state.js";
import { plainRichText, text } from "./words.js";

const TYPED = new Set(["plain_text_input", "email_text_input", "url_text_input", "number_input"]);
const OWN = /^(multi_)?external_select$/;
const NAMED = /^(multi_)?(users|conversations|channels)_select$/;
let count = 0;

/** What stands in a view's state, as the value of a field; undefined where nothing was entered yet. */
export function stored(held) {
  if (!held) return undefined;
  if (TYPED.has(held.type)) return held.value ?? undefined;
  if (held.type === "file_input") return held.files;
  if (held.type === "rich_text_input") return held.rich_text_value ? plainRichText(held.rich_text_value.elements) : undefined;
  if (OWN.test(held.type)) return held.selected_option ?? held.selected_options;
  if ("selected_option" in held) return held.selected_option?.value;
  if ("selected_options" in held) return held.selected_options.map((option) => option.value);
  if (held.type === "datetimepicker") return held.selected_date_time ? String(held.selected_date_time) : undefined;
  const [, value] = Object.entries(held).find(([name]) => name.startsWith("selected_")) || [];
  return value ?? undefined;
}

/** A value as it is handed over: ids of files, values of options. */
export function sent(element, value) {
  if (element.type === "file_input") return value.map((file) => file.id);
  if (!OWN.test(element.type) || !value) return value;
  return Array.isArray(value) ? value.map((option) => option.value) : value.value;
}

/** What a menu offers, groups and all. */
export function optionsOf(element) {
  return [...(element.options || []), ...(element.option_groups || []).flatMap((group) => group.options)];
}

/** Draw a field; null for one that is not known.
 *
 * `change(value)` hears of every change, `enter()` of Enter in a line of text; `upload(files, held)` takes files,
 * `suggest(typed)` asks the app.
 */
export function field(element, value, { change, enter = () => {}, upload, suggest, label, required = false }) {
  const kind = element.type;
  const id = `field-${++count}`;
  const common = { id, "aria-label": label, placeholder: element.placeholder?.text, autofocus: element.focus_on_load || null, "aria-required": required ? "true" : null };
  if (TYPED.has(kind)) return typed(element, value, common, change, enter);
  if (kind === "rich_text_input") return richTyped(element, value, common, change);
  if (kind === "static_select" || kind === "multi_static_select") return offered(element, value, common, change, required);
  if (OWN.test(kind)) return suggested(element, value, common, change, suggest, required);
  if (NAMED.test(kind)) return named(element, value, common, change, required);
  if (kind === "checkboxes") return group(element, value || [], id, "checkbox", change, label);
  if (kind === "radio_buttons") return group(element, value ? [value] : [], id, "radio", change, label);
  if (kind === "datepicker") return picked("date", value, common, change);
  if (kind === "timepicker") return picked("time", value, common, change);
  if (kind === "datetimepicker") return picked("datetime-local", value && localTime(Number(value)), common, (v) => change(v && String(Math.floor(new Date(v).getTime() / 1000))));
  if (kind === "file_input") return fileField(element, value || [], { id, label, change, upload });
  return null;
}

// Typed.

function typed(element, value, common, change, enter) {
  const type = { email_text_input: "email", url_text_input: "url", number_input: "text" }[element.type] || "text";
  const tag = element.multiline ? "textarea" : "input";
  const node = h(tag, { ...common, type: element.multiline ? null : type, rows: element.multiline ? "3" : null, autocomplete: "off", class: "input" });
  if (element.type === "number_input") node.inputMode = element.is_decimal_allowed ? "decimal" : "numeric";
  node.value = value ?? "";
  const longest = element.max_length;
  const left = h("span", { class: "left", "aria-hidden": "true" });
  const tell = () => {
    const rest = longest - node.value.length;
    left.textContent = longest && rest < Math.max(20, longest / 5) ? String(rest) : "";
    left.classList.toggle("over", rest < 0);
  };
  node.addEventListener("input", () => {
    tell();
    change(node.value);
  });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || (element.multiline && !(event.ctrlKey || event.metaKey))) return;
    event.preventDefault();
    enter();
  });
  tell();
  return h("div", { class: "typed" }, node, longest ? left : null);
}

const MARKS = [["B", "Bold", "*"], ["I", "Italic", "_"], ["S", "Struck out", "~"], ["<>", "Code", "`"]];

function richTyped(element, value, common, change) {
  const node = h("textarea", { ...common, rows: String(Math.max(3, element.min_lines || 3)), class: "input" });
  node.value = value ?? "";
  node.addEventListener("input", () => change(node.value));
  const wrap = (mark) => {
    const { selectionStart: from, selectionEnd: to } = node;
    node.setRangeText(`${mark}${node.value.slice(from, to)}${mark}`, from, to, "end");
    if (from === to) node.setSelectionRange(from + mark.length, from + mark.length);
    node.focus();
    change(node.value);
  };
  const bar = h("div", { class: "format-bar", role: "group", "aria-label": "Formatting" }, MARKS.map(([sign, name, mark]) => h("button", { type: "button", class: "bare small", "aria-label": name, title: name, on: { click: () => wrap(mark) } }, sign)));
  return h("div", { class: "typed rich" }, bar, node);
}

// Chosen from a menu.

const asOption = (option, group) => ({ value: option.value, label: option.text.text, hint: option.description?.text, group });

function menu(element, common, given) {
  const { id, placeholder, autofocus, "aria-label": label } = common;
  return select({ id, label, placeholder, autofocus, most: element.max_selected_items, ...given });
}

function offered(element, value, common, change, required) {
  const many = element.type.startsWith("multi_");
  const all = [...(element.options || []).map((o) => asOption(o)), ...(element.option_groups || []).flatMap((g) => g.options.map((o) => asOption(o, g.label.text)))];
  const find = (one) => all.find((option) => option.value === one);
  return menu(element, common, {
    many, clear: !required, options: (typed) => among(all, typed),
    chosen: many ? (value || []).map(find).filter(Boolean) : find(value),
    change: (now) => change(many ? now.map((one) => one.value) : now?.value ?? null),
  });
}

function suggested(element, value, common, change, suggest, required) {
  const many = element.type.startsWith("multi_");
  const back = (one) => one && one.option;
  const wrap = (option) => option && { ...asOption(option), option };
  if (!suggest) return null;
  return menu(element, common, {
    many, clear: !required, least: element.min_query_length ?? 3,
    options: patient(async (typed) => (await suggest(typed)).map(wrap)),
    chosen: many ? (value || []).map(wrap) : wrap(value),
    change: (now) => change(many ? now.map(back) : back(now) ?? null),
  });
}

function named(element, value, common, change, required) {
  const [, several, kind] = NAMED.exec(element.type);
  const all = kind === "users" ? people() : places(kind, element.filter);
  const find = (id) => all.find((one) => one.value === id) || { value: id, label: kind === "users" ? nameOf(id) : id };
  return menu(element, common, {
    many: Boolean(several), clear: !required, options: (typed) => among(all, typed),
    chosen: several ? (value || []).map(find) : value && find(value),
    change: (now) => change(several ? now.map((one) => one.value) : now?.value ?? null),
  });
}

function people() {
  return [...state.people.values()].filter((p) => !p.deleted).map((p) => ({ value: p.id, label: nameOf(p.id), hint: `@${p.name}${p.bot ? " · app" : ""}` }));
}

const KINDS = { channel: "public", group: "private", im: "im", mpim: "mpim" };

function places(kind, filter) {
  const fits = (c) => {
    if (kind === "channels") return c.kind === "channel";
    if (filter?.include && !filter.include.includes(KINDS[c.kind])) return false;
    return !(filter?.exclude_bot_users && isApp(c));
  };
  return [...state.channels.values()].filter(fits).map((c) => ({ value: c.id, label: c.kind === "channel" || c.kind === "group" ? `#${c.name}` : titleOf(c) }));
}

// Ticked and picked.

function group(element, value, id, type, change, label) {
  const chosen = new Set(value);
  const rows = element.options.map((option) => {
    const box = h("input", { type, name: id, value: option.value, checked: chosen.has(option.value) });
    box.addEventListener("change", () => {
      if (type === "radio") return change(option.value);
      box.checked ? chosen.add(option.value) : chosen.delete(option.value);
      return change(element.options.map((o) => o.value).filter((v) => chosen.has(v)));
    });
    const words = h("span", {}, text(option.text), option.description && h("span", { class: "description" }, text(option.description)));
    return h("label", { class: "tick" }, box, words);
  });
  return h("div", { id, class: "group", role: type === "radio" ? "radiogroup" : "group", "aria-label": label }, rows);
}

function localTime(seconds) {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function picked(type, value, common, change) {
  const node = h("input", { ...common, type, class: "input" });
  node.value = value ?? "";
  node.addEventListener("change", () => change(node.value || null));
  return node;
}
