// One message, drawn: who, when, the words or blocks, files, and the line about its thread.

import { renderBlocks } from "./blocks.js";
import { timeOf } from "./clock.js";
import { h, icon } from "./dom.js";
import { avatar } from "./faces.js";
import { ownLink } from "./links.js";
import { posted } from "./media.js";
import { press, react, suggest } from "./says.js";
import { nameOf, state } from "./state.js";
import { bareText, mrkdwn } from "./words.js";

// What was chosen from menus under messages, so that it stays when a message is drawn anew.
const chosen = new Map();

/** Draw a message. `hands` is `{goTo, openThread}`; without `openThread` it stands in its thread. */
export function drawMessage(message, hands) {
  const author = nameOf(message.user);
  const gone = message.subtype === "tombstone";
  const article = h("div", {
    role: "listitem",
    class: `message${message.ephemeral ? " ephemeral" : ""}${gone ? " tombstone" : ""}`,
    tabindex: "-1",
    "aria-label": `${message.ephemeral ? "Only visible to you. " : ""}${author}, ${timeOf(message.ts)}: ${bareText(message.text).slice(0, 120)}`,
    data: { ts: message.ts },
  });
  if (message.ephemeral) article.append(h("div", { class: "only-you" }, icon("eye"), "Only visible to you"));
  if (message.broadcast && hands.openThread) article.append(h("div", { class: "only-you" }, icon("thread"), "Also sent from a thread"));
  const when = h("a", { class: "time", href: message.permalink, on: { click: (event) => follow(event, message.permalink, hands) } }, timeOf(message.ts));
  const head = h("div", { class: "head" }, h("span", { class: "author" }, author), message.by_bot && h("span", { class: "tag" }, "App"), when);
  const body = h("div", { class: "body" }, head, content(message, hands), gone ? null : below(message, hands));
  article.append(h("div", { class: "line" }, avatar(message.user), h("span", { class: "side-time", "aria-hidden": "true" }, timeOf(message.ts)), body));
  return article;
}

/** A word from the page itself, which nobody else sees and nothing keeps. */
export function drawNotice(words, ts) {
  const note = h("div", { class: "message ephemeral local", role: "listitem", data: { ts } }, h("div", { class: "only-you" }, icon("eye"), "Only visible to you"), h("div", { class: "words" }, mrkdwn(words)));
  note.message = { ts, user: "", ephemeral: true };
  return note;
}

function follow(event, link, hands) {
  const place = ownLink(link);
  if (!place) return;
  event.preventDefault();
  hands.goTo(place);
}

function content(message, hands) {
  const typed = !message.by_bot || !message.blocks.length;
  const edited = message.edited && h("span", { class: "edited" }, "(edited)");
  if (typed && !message.text) return edited ? h("div", { class: "words" }, edited) : null;
  if (typed) return h("div", { class: "words" }, mrkdwn(message.text), edited ? " " : null, edited);
  const drawn = h("div", { class: "blocks" }, renderBlocks(message.blocks, surfaceOf(message, hands)), edited);
  drawn.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (link) follow(event, link.href, hands);
  });
  return drawn;
}

function surfaceOf(message, hands) {
  const where = { channel: message.channel, ts: message.ts };
  const key = (block, part) => `${message.ts}/${block.block_id}/${part.action_id}`;
  return {
    press: (block, part, option) => {
      if (option !== undefined) chosen.set(key(block, part), option);
      return press(where, block, part, typeof option === "object" && option ? valuesOf(option) : option);
    },
    suggest: (block, part, typed) => suggest(where, block, part, typed),
    chosen: (block, part) => chosen.get(key(block, part)),
    follow: (url) => {
      const place = ownLink(url);
      if (place) hands.goTo(place);
      return Boolean(place);
    },
  };
}

/** What the app filled menus with is kept with its words, and sent by its value. */
export function valuesOf(option) {
  return Array.isArray(option) ? option.map((one) => one?.value ?? one) : option.value ?? option;
}

function below(message, hands) {
  return [posted(message.files), (message.attachments || []).map(attachment), reactions(message), hands.openThread && threadLine(message, hands)];
}

function attachment(one) {
  const colour = /^#?[0-9a-f]{6}$/i.test(one.color || "") ? `#${one.color.replace("#", "")}` : null;
  const words = [one.pretext, one.title && `*${one.title}*`, one.text || (one.blocks?.length ? "" : one.fallback)].filter(Boolean);
  return h("div", { class: "attachment", style: colour && { borderColor: colour } }, words.map((line) => h("div", { class: "words" }, mrkdwn(line))), renderBlocks(one.blocks || [], { press: () => {} }));
}

function reactions(message) {
  const names = Object.entries(message.reactions || {});
  if (!names.length) return null;
  return h("div", { class: "reactions" }, names.map(([name, users]) => {
    const mine = users.includes(state.me.id);
    const press = () => react(message, name, mine);
    return h("button", { type: "button", class: "reaction", "aria-pressed": String(mine), "aria-label": `${name.replaceAll("_", " ")}, ${users.length}`, title: users.map(nameOf).join(", "), data: { key: `reaction/${name}` }, on: { click: press } }, mrkdwn(`:${name}:`), ` ${users.length}`);
  }));
}

function threadLine(message, hands) {
  const replies = message.replies;
  if (!replies?.count) return null;
  return h(
    "button",
    { type: "button", class: "thread-line", on: { click: () => hands.openThread(message.ts) } },
    h("span", { class: "faces" }, replies.users.map((id) => avatar(id, "small"))),
    h("span", { class: "thread-count" }, replies.count === 1 ? "1 reply" : `${replies.count} replies`),
    replies.unread ? h("span", { class: "dot", role: "img", "aria-label": `${replies.unread} new` }) : null,
    h("span", { class: "hint" }, `last ${timeOf(replies.latest)}`),
  );
}
