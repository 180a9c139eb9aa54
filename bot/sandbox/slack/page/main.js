// The page itself: where one is, what stands in which pane, and what changes while one looks.

import { follow, look } from "./api.js";
import { setClock } from "./clock.js";
import { Composer } from "./composer.js";
import { announce, fill, h, icon, iconButton, toast } from "./dom.js";
import { closeMenu, openMenu } from "./menus.js";
import { avatar } from "./faces.js";
import { ownLink } from "./links.js";
import { homeTab, showModal } from "./modal.js";
import { Pane } from "./pane.js";
import { attempt, explain } from "./says.js";
import { openSwitcher, steerByKeys } from "./switcher.js";
import { applyTheme, drawSidebar, waiting } from "./sidebar.js";
import { begin, directWith, isApp, nameOf, othersIn, state, titleOf } from "./state.js";
import { Backstage } from "./backstage.js";
import { bareText } from "./words.js";

const sidebar = document.getElementById("sidebar");
const main = document.getElementById("main");
const side = document.getElementById("side");
const backstageNode = document.getElementById("backstage");
let pane = null;
let composer = null;
let threadPane = null;
let threadComposer = null;
let backstage = null;
let home = null;
// A field that takes the focus by itself calls up the keyboard of a phone.
const withPointer = matchMedia("(hover: hover)");

// Where one is stands in the address: #channel, #channel/thread, #channel//message, #channel/home.

function readPlace() {
  const [channel = null, second = "", at = null] = decodeURIComponent(location.hash.slice(1)).split("/");
  const home_ = second === "home";
  return { channel: channel || null, tab: home_ ? "home" : "messages", thread: home_ ? null : second || null, at: at || null };
}

function go(channel, thread = null, at = null) {
  const hash = `#${channel}${thread || at ? `/${thread || ""}` : ""}${at ? `/${at}` : ""}`;
  if (location.hash === hash) arrive();
  else location.hash = hash;
}

function goTo([channel, thread, ts]) {
  if (!state.channels.has(channel)) toast("You cannot see the conversation that this link leads to.", "bad");
  else if (thread && thread !== ts) go(channel, thread, ts);
  else go(channel, threadPane?.thread === ts ? ts : null, ts);
}

async function arrive() {
  closeMenu();
  const wanted = readPlace();
  if (!wanted.channel) {
    // On a phone the list is a page of its own; elsewhere something is always open beside it.
    document.body.classList.add("at-list");
    if (!matchMedia("(max-width: 720px)").matches) go(firstChannel());
    return;
  }
  if (!state.channels.has(wanted.channel) && !wanted.channel.startsWith("@")) {
    go(firstChannel());
    return;
  }
  document.body.classList.remove("at-list");
  const before = state.place;
  state.place = wanted;
  redraw();
  if (!pane || pane.channel !== wanted.channel || before.tab !== wanted.tab || wanted.tab === "home") await openChannel(wanted);
  else if (wanted.at && !wanted.thread) pane.point(wanted.at);
  await openThread(wanted);
  redraw();
}

function firstChannel() {
  const listed = [...state.channels.values()].filter((c) => c.kind === "channel" && !c.archived).sort((a, b) => a.name.localeCompare(b.name));
  return (listed.find((c) => c.members.includes(state.app.user)) || listed[0] || { id: `@${state.people.get(state.app.user).name}` }).id;
}

// The conversation in the middle.

async function openChannel(place) {
  pane?.close();
  pane = null;
  if (place.channel.startsWith("@")) {
    // Looking at it opens it, as it does in any client; then it has an id.
    const answer = await look("messages", { channel: place.channel, limit: 1 }).catch((error) => toast(explain(error), "bad"));
    if (!answer) return;
    state.channels.set(answer.channel.id, answer.channel);
    state.place = { ...place, channel: answer.channel.id };
    history.replaceState(null, "", `#${answer.channel.id}${place.tab === "home" ? "/home" : ""}`);
  }
  const channel = state.channels.get(state.place.channel);
  const app = isApp(channel);
  if (app) attempt("open_home", { tab: place.tab });
  const tabs = app && state.app.home ? appTabs(channel) : null;
  if (place.tab === "home") {
    home = h("div", { class: "home-scroll" }, homeTab(state.home, goTo));
    fill(main, header(channel), tabs, home);
    return;
  }
  home = null;
  pane = new Pane({ channel: channel.id, openThread: (ts) => go(channel.id, ts), goTo, edit });
  pane.onRead = learn;
  const words = channel.kind === "im" ? `Message ${titleOf(channel)}` : `Message #${titleOf(channel)}`;
  composer = new Composer({ channel: channel.id, name: words, pane, editLast: () => editLast(pane), move: (user, member) => move(channel, user, member) });
  const write = channel.archived ? h("div", { class: "archived" }, "This channel is archived: it can be read, and that is all.") : composer.node;
  fill(main, header(channel), tabs, pane.node, write);
  droppable(main, () => composer);
  if (withPointer.matches && !place.thread) composer.focus();
  learn(await pane.load(place.thread ? null : place.at));
}

function header(channel) {
  const direct = channel.kind === "im" || channel.kind === "mpim";
  const mark = direct ? avatar(othersIn(channel)[0] || state.me.id, "small") : icon(channel.kind === "group" ? "lock" : "hash");
  const about = direct ? h("span", { class: "hint about", id: isApp(channel) ? "presence" : null }, isApp(channel) ? presence() : "direct message") : h("span", { class: "about" });
  return h("div", { class: "pane-head" }, iconButton("back", "Back to the list", () => (location.hash = ""), { class: "phone-only" }), h("h1", {}, mark, titleOf(channel)), about, direct ? null : members(channel));
}

/** Who is here, and who may be brought in or sent away. */
function members(channel) {
  const faces = h("span", { class: "faces" }, channel.members.slice(0, 3).map((id) => avatar(id, "small")));
  const label = `${channel.members.length} members`;
  const button = h("button", { type: "button", class: "members", "aria-label": label, "aria-haspopup": "menu", "aria-expanded": "false", on: { click: () => openMenu(button, whoIsWho(channel), "Members") } }, faces, h("span", {}, String(channel.members.length)));
  return button;
}

function whoIsWho(channel) {
  const all = [...state.people.values()].filter((p) => !p.deleted && p.id !== state.me.id);
  all.sort((a, b) => Number(b.bot) - Number(a.bot));
  const inside = all.filter((p) => channel.members.includes(p.id));
  const outside = all.filter((p) => !channel.members.includes(p.id));
  return [
    { heading: "In this channel" },
    { label: `${nameOf(state.me.id)} (you)`, run: () => {} },
    ...inside.map((p) => ({ label: nameOf(p.id), hint: p.bot ? "app" : `@${p.name}`, run: () => go(directWith(p.id)?.id || `@${p.name}`) })),
    "-",
    ...outside.map((p) => ({ label: `Add ${nameOf(p.id)} to this channel`, run: () => move(channel, p.id, true) })),
    ...inside.map((p) => ({ label: `Remove ${nameOf(p.id)} from this channel`, danger: true, run: () => move(channel, p.id, false) })),
  ];
}

/** Bring somebody into a channel, or send them out of it. */
async function move(channel, user, member) {
  if ((await attempt("membership", { channel: channel.id, user, member })) === undefined) return;
  const answer = await look("messages", { channel: channel.id, limit: 1 });
  learn(answer.channel);
  toast(`${nameOf(user)} is ${member ? "in" : "no longer in"} #${channel.name}.`);
}

function presence() {
  return state.app.connections ? "app · connected" : "app · not connected";
}

function appTabs(channel) {
  const tab = (name, label) => h("a", { role: "tab", class: "tab", "aria-selected": String(state.place.tab === name), href: `#${channel.id}${name === "home" ? "/home" : ""}` }, label);
  return h("div", { class: "tabs", role: "tablist" }, tab("home", "Home"), tab("messages", "Messages"));
}

// The thread beside it.

async function openThread(place) {
  const wanted = place.tab === "home" ? null : place.thread;
  if (threadPane?.thread === wanted && threadPane?.channel === state.place.channel && wanted) {
    if (place.at) threadPane.point(place.at);
    return;
  }
  threadPane?.close();
  threadPane = null;
  side.hidden = !wanted;
  document.body.classList.toggle("in-thread", Boolean(wanted));
  if (!wanted) return;
  const { channel } = state.place;
  threadPane = new Pane({ channel, thread: wanted, openThread: () => {}, goTo, edit });
  threadPane.onRead = (known) => {
    learn(known);
    const head = pane?.shown.get(wanted)?.message;
    if (head?.replies?.unread) pane.put({ ...head, replies: { ...head.replies, unread: 0 } });
  };
  threadComposer = new Composer({ channel, thread: wanted, name: "Reply…", pane: threadPane, editLast: () => editLast(threadPane) });
  const title = h("div", {}, h("h2", {}, "Thread"), h("span", { class: "hint" }, titleOf(state.channels.get(channel))));
  fill(side, h("div", { class: "pane-head" }, iconButton("back", "Back", closeThread, { class: "phone-only" }), title, iconButton("close", "Close thread", closeThread, { class: "not-phone" })), threadPane.node, threadComposer.node);
  rank();
  droppable(side, () => threadComposer);
  if (withPointer.matches) threadComposer.focus();
  learn(await threadPane.load(place.at));
}

const narrow = matchMedia("(max-width: 940px)");

/** Where there is room for one pane only, the open thread is the main thing of the page. */
function rank() {
  const alone = narrow.matches && !side.hidden;
  side.setAttribute("role", alone ? "main" : "complementary");
  side.querySelector("h2")?.setAttribute("aria-level", alone ? "1" : "2");
}
narrow.addEventListener("change", rank);

function closeThread() {
  go(state.place.channel);
  composer?.focus();
}

// Hands.

function droppable(node, composerOf) {
  node.ondragover = (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    node.classList.add("dropping");
  };
  node.ondragleave = (event) => node.contains(event.relatedTarget) || node.classList.remove("dropping");
  node.ondrop = (event) => {
    node.classList.remove("dropping");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    composerOf()?.add(event.dataTransfer.files);
  };
}

function edit(message, where) {
  const article = where.shown.get(message.ts);
  const field = h("textarea", { class: "input edit-field", "aria-label": "Edit message", rows: "2" });
  // What is stored names people by id: put back what one would have typed.
  field.value = message.text.replace(/<@(\w+)>/g, (_, id) => `@${state.people.get(id)?.name || id}`).replace(/<#(\w+)\|[^>]*>/g, (_, id) => `#${state.channels.get(id)?.name || id}`).replace(/&(lt|gt|amp);/g, (entity) => ({ "&lt;": "<", "&gt;": ">", "&amp;": "&" })[entity]);
  const undo = () => {
    where.put(message);
    composer?.focus();
  };
  const save = async () => {
    const text = field.value.trim().replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    await attempt("edit", { channel: message.channel, ts: message.ts, text });
    composer?.focus();
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") undo();
    else if (event.key === "Enter" && !event.shiftKey) save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const words = article.querySelector(".words") || article.querySelector(".body").appendChild(h("div"));
  words.replaceWith(h("div", { class: "editing" }, field, h("div", { class: "row end" }, h("button", { type: "button", class: "button small", on: { click: undo } }, "Cancel"), h("button", { type: "button", class: "button small primary", on: { click: save } }, "Save"))));
  field.focus();
}

function editLast(where) {
  const mine = where.list.newest((article) => article.message?.user === state.me.id);
  if (mine) edit(mine.message, where);
}

function toggleBackstage() {
  const open = backstageNode.hidden;
  backstageNode.hidden = !open;
  document.body.classList.toggle("with-backstage", open);
  sessionStorage.setItem("backstage", open ? "open" : "");
  backstage?.close();
  backstage = open ? new Backstage(backstageNode, toggleBackstage) : null;
  redraw();
}

// What changes.

let drawing = 0;

/** Draw the list once per frame, however much has changed. */
function redraw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    drawSidebar(sidebar, { go, search: () => openSwitcher(go), toggleBackstage, backstageOpen: !backstageNode.hidden });
    const here = state.channels.get(state.place.channel);
    const waits = waiting();
    document.title = `${waits ? `(${waits}) ` : ""}${here ? titleOf(here) : state.team.name} · ${state.app.name}, local`;
  });
}

function learn(channel) {
  if (!channel) return;
  const before = state.channels.get(channel.id);
  state.channels.set(channel.id, channel);
  const moved = before && before.members.join() !== channel.members.join();
  if (moved && state.place.channel === channel.id) main.querySelector(".pane-head")?.replaceWith(header(channel));
  redraw();
}

function changed(change) {
  switch (change.kind) {
    case "hello":
      // Another workspace at the same address, or one that begins anew: nothing here is true any more.
      if (change.team !== state.team.id || change.rewound) location.reload();
      setViews(change);
      setClock(change.clock);
      state.app.connections = change.connections;
      break;
    case "clock":
      setClock(change.clock);
      break;
    case "message":
      for (const one of [pane, threadPane]) if (one?.holds(change.message)) place(one, change.message);
      break;
    case "gone":
      for (const one of [pane, threadPane]) if (one?.channel === change.channel) one.drop(change.ts);
      break;
    case "channel":
      learn(change.channel);
      break;
    case "views":
      setViews(change);
      break;
    case "app":
      state.app.connections = change.connections;
      if (document.getElementById("presence")) document.getElementById("presence").textContent = presence();
      break;
    default:
      break;
  }
  redraw();
}

function place(where, message) {
  const isNew = !where.shown.has(message.ts);
  where.put(message);
  if (where.stuck) {
    where.toEnd();
    where.read();
  }
  if (isNew && message.user !== state.me.id) announce(`${nameOf(message.user)}: ${bareText(message.text)}`);
}

function setViews({ view, home: published }) {
  const anew = published?.hash !== state.home?.hash;
  state.home = published;
  showModal(view, goTo);
  // What a person does there changes it too, and must not take the menu away that they are looking into.
  if (home && anew) redrawHome();
}

function redrawHome() {
  const held = home.contains(document.activeElement) && document.activeElement.closest("[data-key]")?.dataset.key;
  fill(home, homeTab(state.home, goTo));
  const again = held && home.querySelector(`[data-key="${CSS.escape(held)}"]`);
  if (again) (again.matches("input, textarea, button, a") ? again : again.querySelector("input, textarea, button"))?.focus();
}

// Keys that work anywhere.

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (threadPane) closeThread();
  else composer?.focus();
});
steerByKeys({ go, here: () => state.place.channel });
document.addEventListener("visibilitychange", () => {
  for (const one of [pane, threadPane]) if (one?.stuck) one.read();
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  composer?.focus();
});

async function start() {
  applyTheme();
  const permalink = ownLink(location.href.split("#")[0].replace(/[?&]as=[^&]*/, ""));
  const whole = await look("state").catch(async (error) => {
    if (error.error !== "user_not_found" && error.error !== "user_cannot_act") throw error;
    state.as = "ana";
    return look("state");
  });
  begin(whole);
  sessionStorage.setItem("as", state.as);
  const hash = permalink ? `#${permalink[0]}/${permalink[1] && permalink[1] !== permalink[2] ? permalink[1] : ""}/${permalink[2]}` : location.hash;
  history.replaceState(null, "", `/?as=${encodeURIComponent(state.as)}${hash}`);
  state.home = whole.home;
  if (sessionStorage.getItem("backstage")) toggleBackstage();
  addEventListener("hashchange", arrive);
  redraw();
  await arrive();
  showModal(whole.view, goTo);
  follow(whole.seq, { change: changed, connected: (up) => document.body.classList.toggle("cut-off", !up) });
  document.body.dataset.ready = "yes";
}

start();
