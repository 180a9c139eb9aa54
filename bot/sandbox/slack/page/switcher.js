// Going places by keys: the quick switcher, the next conversation, the next part of the window, and what keys there are.

import { avatar } from "./faces.js";
import { h, icon, iconButton } from "./dom.js";
import { among } from "./select.js";
import { directWith, nameOf, state, titleOf } from "./state.js";

const APPLE = /Mac|iPhone|iPad/.test(navigator.platform);
const MOD = APPLE ? "⌘" : "Ctrl";
const KEYS = [
  [`${MOD} K`, "Go to a conversation"],
  ["Alt ↑ ↓", "The conversation above or below"],
  ["Alt Shift ↑ ↓", "The unread one above or below"],
  ["F6", "The next part of the window"],
  ["↑ ↓", "From message to message"],
  ["T or Enter", "Open the thread of a message"],
  ["E", "Edit a message of yours; ↑ in an empty field edits the last"],
  ["Esc", "Close what is on top, the thread, or go to the field"],
  ["/", "A command, at the start of the field; @ a person, # a channel, : a sign"],
  [`${MOD} /`, "These keys"],
];

/** Everything one can go to: `{value, label, hint, mark}`, in the order of the list. */
export function destinations() {
  const channels = [...state.channels.values()].filter((c) => c.kind === "channel" || c.kind === "group");
  channels.sort((a, b) => Number(a.archived) - Number(b.archived) || a.name.localeCompare(b.name));
  const people = [...state.people.values()].filter((p) => !p.deleted && p.id !== state.me.id);
  people.sort((a, b) => Number(a.bot) - Number(b.bot));
  const several = [...state.channels.values()].filter((c) => c.kind === "mpim");
  return [
    ...channels.map((c) => ({ value: c.id, label: c.name, mark: () => icon(c.kind === "group" ? "lock" : "hash"), channel: c })),
    ...several.map((c) => ({ value: c.id, label: titleOf(c), mark: () => icon("thread"), channel: c })),
    ...people.map((p) => ({ value: directWith(p.id)?.id || `@${p.name}`, label: nameOf(p.id), hint: p.bot ? "app" : "", mark: () => avatar(p.id, "small"), channel: directWith(p.id) })),
  ];
}

/** Whether there is something new in a conversation. */
export function isNews(channel) {
  return Boolean(channel) && (channel.unread || channel.mentions || Object.keys(channel.threads || {}).length);
}

/** The dialog one types a name into. */
export function openSwitcher(go) {
  if (document.querySelector("dialog[open]")) return;
  const field = h("input", { type: "text", class: "input", role: "combobox", "aria-label": "Go to", "aria-expanded": "true", "aria-controls": "places", "aria-autocomplete": "list", placeholder: "Go to a channel, a person, an app", autocomplete: "off" });
  const list = h("div", { id: "places", role: "listbox", "aria-label": "Conversations" });
  const dialog = h("dialog", { class: "switcher", "aria-label": "Go to" }, field, list);
  let found = [];
  let at = 0;
  const mark = () => {
    [...list.children].forEach((row, number) => row.setAttribute("aria-selected", String(number === at)));
    list.children[at]?.scrollIntoView({ block: "nearest" });
    if (found.length) field.setAttribute("aria-activedescendant", list.children[at].id);
    else field.removeAttribute("aria-activedescendant");
  };
  const take = (number) => {
    const there = found[number];
    dialog.close();
    if (there) go(there.value);
  };
  const draw = () => {
    const all = destinations();
    found = field.value ? among(all, field.value) : [...all].sort((a, b) => Number(isNews(b.channel)) - Number(isNews(a.channel)));
    at = 0;
    list.replaceChildren(...found.map((one, number) => h("div", { id: `place-${number}`, role: "option", class: `option${isNews(one.channel) ? " unread" : ""}`, on: { click: () => take(number) } }, one.mark(), h("span", {}, one.label), one.hint && h("span", { class: "hint" }, one.hint))));
    mark();
  };
  field.addEventListener("input", draw);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) at = (at + step + found.length) % found.length;
    else if (event.key === "Enter") take(at);
    else return;
    event.preventDefault();
    if (step) mark();
  });
  show(dialog);
  draw();
}

/** What keys there are. */
export function openKeys() {
  if (document.querySelector("dialog[open]")) return;
  const rows = KEYS.map(([keys, what]) => h("div", { class: "key-row" }, h("dt", {}, keys.split(" ").map((key) => (/^(or)$/.test(key) ? ` ${key} ` : h("kbd", {}, key)))), h("dd", {}, what)));
  const dialog = h("dialog", { class: "confirm keys", "aria-labelledby": "keys-title" });
  dialog.append(h("div", { class: "row between" }, h("h2", { id: "keys-title" }, "Keys"), iconButton("close", "Close", () => dialog.close())), h("dl", {}, rows));
  show(dialog);
}

function show(dialog) {
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

/** The keys that work anywhere. `go(channel)` goes to a conversation, `here()` tells which is open. */
export function steerByKeys({ go, here }) {
  addEventListener("keydown", (event) => {
    const mod = APPLE ? event.metaKey : event.ctrlKey;
    if (mod && event.key.toLowerCase() === "k") openSwitcher(go);
    else if (mod && event.key === "/") openKeys();
    else if (event.key === "F6") nextPart(event.shiftKey ? -1 : 1);
    else if (event.altKey && !mod && (event.key === "ArrowUp" || event.key === "ArrowDown")) neighbour(event.key === "ArrowUp" ? -1 : 1, event.shiftKey, go, here);
    else return;
    event.preventDefault();
  });
}

function neighbour(step, news, go, here) {
  const all = destinations();
  const at = all.findIndex((one) => one.value === here());
  for (let n = 1; n <= all.length; n++) {
    const one = all[(at + step * n + all.length * 2) % all.length];
    if (!news || isNews(one.channel)) return go(one.value);
  }
  return undefined;
}

function nextPart(step) {
  const parts = ["#sidebar", "#main", "#side", "#backstage"].map((name) => document.querySelector(name)).filter((part) => part && part.offsetParent !== null && !part.hidden);
  const at = parts.findIndex((part) => part.contains(document.activeElement));
  const part = parts[(at + step + parts.length) % parts.length];
  const best = ["[aria-current]", "textarea", "[role=tab][aria-selected=true]", "button"];
  best.map((one) => part.querySelector(one)).find(Boolean)?.focus();
}
