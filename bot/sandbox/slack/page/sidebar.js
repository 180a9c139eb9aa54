// The list on the left: whose client it is, conversations with what is unread, light and dark, the vendors' side.

import { fill, h, icon, iconButton } from "./dom.js";
import { avatar } from "./faces.js";
import { openMenu } from "./menus.js";
import { directWith, isApp, nameOf, state, titleOf } from "./state.js";

const THEMES = { auto: "As the system", light: "Light", dark: "Dark" };

/** Light or dark by choice, or as the system has it. */
export function applyTheme(theme = localStorage.getItem("theme") || "auto") {
  localStorage.setItem("theme", theme);
  document.documentElement.dataset.theme = theme;
}

/** Draw the list. */
export function drawSidebar(node, { go, search, toggleBackstage, backstageOpen }) {
  const focus = node.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  fill(node, head(toggleBackstage, backstageOpen), finder(search), h("div", { class: "sidebar-scroll" }, channels(go), directs(go), apps(go)), foot());
  if (focus) node.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
}

function head(toggleBackstage, backstageOpen) {
  const theme = iconButton("sun", "Light or dark", () => {
    const now = document.documentElement.dataset.theme;
    openMenu(theme, Object.entries(THEMES).map(([key, label]) => ({ label, checked: key === now, run: () => applyTheme(key) })), "Light or dark");
  }, { "aria-haspopup": "menu", "aria-expanded": "false", data: { key: "theme" } });
  const backstage = iconButton("gauge", "Backstage: clock and vendors", toggleBackstage, { "aria-pressed": String(backstageOpen), data: { key: "backstage" } });
  return h("div", { class: "sidebar-head" }, h("div", { class: "team" }, h("strong", {}, state.team.name), h("span", { class: "hint" }, "on this machine only")), backstage, theme);
}

function finder(search) {
  return h("button", { type: "button", class: "finder", "aria-label": "Go to a conversation", data: { key: "finder" }, on: { click: search } }, icon("find"), h("span", { class: "sidebar-label" }, "Go to…"), h("kbd", { "aria-hidden": "true" }, "Ctrl K"));
}

function group(title, rows) {
  return h("section", { class: "sidebar-group" }, h("h2", {}, title), h("ul", {}, rows.map((row) => h("li", {}, row))));
}

function row({ key, label, mark, here, unread = 0, mentions = 0, run, dim = false }) {
  const words = mentions ? `${label}, ${mentions} new for you` : unread ? `${label}, unread` : label;
  return h(
    "button",
    { type: "button", class: `sidebar-row${unread || mentions ? " unread" : ""}${dim ? " dim" : ""}`, "aria-current": here ? "page" : null, "aria-label": words, data: { key }, on: { click: run } },
    mark,
    h("span", { class: "sidebar-label" }, label),
    mentions ? h("span", { class: "badge" }, String(mentions)) : null,
  );
}

/** Unread at the top, or in threads one takes part in. */
function news(channel) {
  const inThreads = Object.values(channel.threads || {}).reduce((sum, n) => sum + n, 0);
  return { unread: channel.unread + inThreads, mentions: channel.mentions };
}

function channels(go) {
  const listed = [...state.channels.values()].filter((c) => c.kind === "channel" || c.kind === "group");
  listed.sort((a, b) => Number(a.archived) - Number(b.archived) || a.name.localeCompare(b.name));
  return group("Channels", listed.map((c) => row({ key: c.id, label: c.name, mark: icon(c.kind === "group" ? "lock" : "hash"), here: state.place.channel === c.id, ...news(c), run: () => go(c.id), dim: c.archived })));
}

function directs(go) {
  const people = [...state.people.values()].filter((p) => !p.bot && !p.deleted && p.id !== state.me.id);
  const rows = people.map((p) => {
    const channel = directWith(p.id);
    return row({ key: p.id, label: nameOf(p.id), mark: avatar(p.id, "small"), here: Boolean(channel) && state.place.channel === channel.id, ...(channel ? news(channel) : {}), run: () => go(channel?.id || `@${p.name}`) });
  });
  const several = [...state.channels.values()].filter((c) => c.kind === "mpim");
  const more = several.map((c) => row({ key: c.id, label: titleOf(c), mark: icon("thread"), here: state.place.channel === c.id, ...news(c), run: () => go(c.id) }));
  return group("Direct messages", [...rows, ...more]);
}

function apps(go) {
  const channel = [...state.channels.values()].find(isApp);
  const up = state.app.connections > 0;
  const face = h("span", { class: "with-dot" }, avatar(state.app.user, "small"), h("span", { class: `presence ${up ? "up" : ""}`, title: up ? "Connected" : "Not connected" }));
  return group("Apps", [row({ key: "app", label: state.app.name, mark: face, here: Boolean(channel) && state.place.channel === channel.id, ...(channel ? news(channel) : {}), run: () => go(channel?.id || `@${state.people.get(state.app.user).name}`) })]);
}

function foot() {
  const actors = [...state.people.values()].filter((p) => !p.bot && !p.deleted);
  const about = (p) => (p.admin ? "admin" : p.guest ? "guest" : "");
  const button = h(
    "button",
    { type: "button", class: "actor", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": `You act as ${nameOf(state.me.id)}. Change`, data: { key: "actor" }, on: { click: () => openMenu(button, actors.map((p) => ({ label: p.real_name, hint: about(p), checked: p.id === state.me.id, run: () => actAs(p.name) })), "Act as") } },
    avatar(state.me.id, "small"),
    h("span", { class: "sidebar-label" }, h("span", { class: "hint" }, "You act as"), h("strong", {}, state.me.real_name)),
    icon("down"),
  );
  return h("div", { class: "sidebar-foot" }, button);
}

/** Sit down before somebody else's client. */
export function actAs(name) {
  sessionStorage.setItem("as", name);
  location.assign(`/?as=${encodeURIComponent(name)}${location.hash}`);
}

/** How many things wait for this person, for the window's title. */
export function waiting() {
  return [...state.channels.values()].reduce((sum, c) => sum + c.mentions, 0);
}
