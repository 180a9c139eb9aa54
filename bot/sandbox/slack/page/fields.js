// What one fills in or chooses from: every input of Block Kit, as the form knows its value.
//
// A value is a string, a list of strings, or for files a list of `{id, name}`; `stored` makes one of a view's state.

import { fileAddress } from "./api.js";
import { h, icon, iconButton } from "./dom.js";
import { nameOf, state, titleOf } from "./state.js";
import { text } from "./words.js";

const TYPED = new Set(["plain_text_input", "email_text_input", "url_text_input", "number_input"]);
let count = 0;

/** What stands in a view's state, as the value of a field; undefined where nothing was entered yet. */
export function stored(held) {
  if (!held) return undefined;
  if (TYPED.has(held.type)) return held.value ?? undefined;
  if (held.type === "file_input") return held.files;
  if ("selected_option" in held) return held.selected_option?.value;
  if ("selected_options" in held) return held.selected_options.map((option) => option.value);
  if (held.type === "datetimepicker") return held.selected_date_time ? String(held.selected_date_time) : undefined;
  const [, value] = Object.entries(held).find(([name]) => name.startsWith("selected_")) || [];
  return value ?? undefined;
}

/** What is offered by a menu, groups and all. */
export function optionsOf(element) {
  return [...(element.options || []), ...(element.option_groups || []).flatMap((group) => group.options)];
}

function named(kind) {
  if (kind === "users") return [...state.people.values()].filter((p) => !p.deleted).map((p) => [p.id, nameOf(p.id)]);
  const channels = [...state.channels.values()].filter((c) => kind === "conversations" || c.kind === "channel");
  return channels.map((c) => [c.id, c.kind === "channel" || c.kind === "group" ? `#${c.name}` : titleOf(c)]);
}

/** Draw a field. `change(value)` hears of every change, `enter()` of Enter in a line of text, `upload(files)` takes files. */
export function field(element, value, { change, enter = () => {}, upload, label }) {
  const kind = element.type;
  const id = `field-${++count}`;
  const common = { id, "aria-label": label, placeholder: element.placeholder?.text, autofocus: element.focus_on_load || null };
  if (TYPED.has(kind)) return typed(element, value, common, change, enter);
  if (kind === "static_select") return menu(element, value, common, change);
  if (kind === "multi_static_select") return ticks(optionsOf(element).map((o) => [o.value, o.text.text]), value, id, change, label);
  const people = /^(multi_)?(users|conversations|channels)_select$/.exec(kind);
  if (people?.[1]) return ticks(named(people[2]), value, id, change, label);
  if (people) return namedMenu(named(people[2]), value, common, change, element);
  if (kind === "checkboxes") return group(element, value || [], id, "checkbox", change, label);
  if (kind === "radio_buttons") return group(element, value ? [value] : [], id, "radio", change, label);
  if (kind === "datepicker") return picked("date", value, common, change);
  if (kind === "timepicker") return picked("time", value, common, change);
  if (kind === "datetimepicker") return picked("datetime-local", value && localTime(Number(value)), common, (v) => change(v && String(Math.floor(new Date(v).getTime() / 1000))));
  if (kind === "file_input") return files(element, value || [], id, change, upload, label);
  return null;
}

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
    if (event.key !== "Enter" || event.isComposing || element.multiline) return;
    event.preventDefault();
    enter();
  });
  tell();
  return h("div", { class: "typed" }, node, longest ? left : null);
}

function choice(options) {
  return options.map((option) => h("option", { value: option.value }, option.text.text));
}

function menu(element, value, common, change) {
  const node = h("select", { ...common, placeholder: null, class: "input" });
  node.append(h("option", { value: "" }, element.placeholder?.text || "Choose…"));
  if (element.options) node.append(...choice(element.options));
  for (const g of element.option_groups || []) node.append(h("optgroup", { label: g.label.text }, choice(g.options)));
  node.value = value ?? "";
  node.addEventListener("change", () => change(node.value || null));
  return node;
}

function namedMenu(pairs, value, common, change, element) {
  const node = h("select", { ...common, placeholder: null, class: "input" });
  node.append(h("option", { value: "" }, element.placeholder?.text || "Choose…"), ...pairs.map(([id, name]) => h("option", { value: id }, name)));
  node.value = value ?? "";
  node.addEventListener("change", () => change(node.value || undefined));
  return node;
}

function ticks(pairs, value, id, change, label) {
  const chosen = new Set(value || []);
  const boxes = pairs.map(([key, name]) => {
    const box = h("input", { type: "checkbox", checked: chosen.has(key), on: { change: () => (box.checked ? chosen.add(key) : chosen.delete(key), change([...chosen])) } });
    return h("label", { class: "tick" }, box, h("span", {}, name));
  });
  return h("div", { id, class: "ticks", role: "group", "aria-label": label }, boxes);
}

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

function files(element, value, id, change, upload, label) {
  const most = element.max_files || 10;
  let held = [...value];
  const list = h("ul", { class: "chosen-files" });
  const chooser = h("input", { id, type: "file", multiple: most > 1, class: "unseen", "aria-label": label });
  chooser.accept = (element.filetypes || []).map((kind) => `.${kind}`).join(",");
  const status = h("span", { class: "hint", role: "status" });
  const draw = () => {
    list.replaceChildren(
      ...held.map((file) =>
        h(
          "li",
          {},
          /^image\/(png|jpe?g|gif|webp)$/.test(file.mimetype) ? h("img", { src: fileAddress(file.id), alt: "" }) : icon("file"),
          h("span", { class: "file-name" }, file.name),
          iconButton("close", `Remove ${file.name}`, () => set(held.filter((f) => f !== file))),
        ),
      ),
    );
    status.textContent = held.length ? `${held.length} of at most ${most}` : `At most ${most}`;
  };
  const set = (next) => {
    held = next;
    change(held);
    draw();
  };
  const take = async (chosen) => {
    const fresh = [...chosen].slice(0, most - held.length);
    if (fresh.length < chosen.length) status.textContent = `At most ${most} files.`;
    if (!fresh.length) return;
    status.textContent = "Uploading…";
    const added = await upload(fresh, held);
    if (added) set([...held, ...added]);
    else draw();
  };
  chooser.addEventListener("change", () => take(chooser.files).then(() => (chooser.value = "")));
  const zone = h("div", { class: "drop-zone" }, chooser, h("button", { type: "button", class: "button", on: { click: () => chooser.click() } }, "Choose files"), h("span", {}, "or drop them here"), status);
  for (const kind of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      event.stopPropagation();
      zone.classList.toggle("over", kind === "dragover");
      if (kind === "drop") take(event.dataTransfer.files);
    });
  }
  draw();
  return h("div", { class: "file-input" }, zone, list);
}
