// Slack's markup as elements: mrkdwn, dates, mentions, rich text, and the little Markdown of markdown blocks.

import { nearDay, now } from "./clock.js";
import { h } from "./dom.js";
import { safeLink } from "./links.js";
import { nameOf, state } from "./state.js";

/** The signs that have a name here. */
export const EMOJI = {
  smile: "😄", slightly_smiling_face: "🙂", wink: "😉", tada: "🎉", eyes: "👀", heart: "❤️", wave: "👋", "+1": "👍", thumbsup: "👍",
  "-1": "👎", white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", warning: "⚠️", hourglass: "⌛", hourglass_flowing_sand: "⏳",
  camera: "📷", frame_with_picture: "🖼️", art: "🎨", dog: "🐶", cat: "🐱", rocket: "🚀", sparkles: "✨", bulb: "💡", lock: "🔒",
  key: "🔑", bell: "🔔", no_bell: "🔕", mag: "🔍", link: "🔗", star: "⭐", fire: "🔥", pray: "🙏", clap: "👏", raised_hands: "🙌",
  point_right: "👉", arrow_right: "➡️", wastebasket: "🗑️", question: "❓", exclamation: "❗", large_green_circle: "🟢",
  large_yellow_circle: "🟡", red_circle: "🔴", white_circle: "⚪", black_circle: "⚫", clock1: "🕐", stopwatch: "⏱️", zzz: "💤",
};
const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const SPECIAL = /<([^<>\n]+)>/;
const BARE_LINK = /https?:\/\/[^\s<>|]*[^\s<>|.,;:!?)'"]/;
const EMOJI_NAME = /:([a-z0-9_+-]+):/;
const STYLES = [
  ["code", /(^|[^\w`])`([^`\n]+)`(?![\w`])/],
  ["strong", /(^|[^\w*])\*(?=\S)([^*\n]*[^\s*])\*(?![\w*])/],
  ["em", /(^|[^\w_])_(?=\S)([^_\n]*[^\s_])_(?![\w_])/],
  ["s", /(^|[^\w~])~(?=\S)([^~\n]*[^\s~])~(?![\w~])/],
];

function unescape(text) {
  return text.replace(/&(lt|gt|amp);/g, (entity) => ENTITIES[entity]);
}

function anchor(url, text) {
  const safe = safeLink(unescape(url));
  if (!safe) return text;
  return h("a", { href: safe, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** A person, with a tint when it is oneself. */
export function mention(id) {
  return h("span", { class: id === state.me.id ? "mention mine" : "mention" }, `@${nameOf(id)}`);
}

function channelMention(id, label) {
  const name = state.channels.get(id)?.name || label || id;
  if (!state.channels.has(id)) return h("span", { class: "mention" }, `#${name}`);
  return h("a", { class: "mention", href: `#${id}` }, `#${name}`);
}

/** A moment in the reader's own zone, by Slack's date tokens. */
export function moment(seconds, format, fallback) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return fallback;
  const day = (options) => date.toLocaleDateString("en-GB", options);
  const clock = (options) => date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...options });
  const pretty = (plain) => nearDay(date) || plain;
  const long = day({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
  const short = day({ day: "numeric", month: "short", year: "numeric" });
  const middle = day({ day: "numeric", month: "long", year: "numeric" });
  const tokens = {
    date_num: date.toISOString().slice(0, 10), date: middle, date_short: short, date_long: long, date_pretty: pretty(middle),
    date_short_pretty: pretty(short), date_long_pretty: pretty(long), day_divider_pretty: pretty(long), time: clock(),
    time_secs: clock({ second: "2-digit" }), ago: ago(date),
  };
  return format.replace(/\{(\w+)\}/g, (whole, token) => tokens[token] ?? whole);
}

function ago(date) {
  const seconds = Math.round((date.getTime() - now()) / 1000);
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit);
  }
  return words.format(seconds, "second");
}

function special(inner) {
  const bar = inner.indexOf("|");
  const body = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? "" : unescape(inner.slice(bar + 1));
  if (/^@[UW]\w+$/.test(body)) return mention(body.slice(1));
  if (/^#[CGD]\w+$/.test(body)) return channelMention(body.slice(1), label);
  if (body.startsWith("!date^")) {
    const [, seconds, format = "", link] = body.split("^");
    const words = h("time", { datetime: new Date(Number(seconds) * 1000).toISOString?.() }, moment(Number(seconds), unescape(format), label));
    return link ? anchor(link, words) : words;
  }
  if (/^!(here|channel|everyone)$/.test(body)) return h("span", { class: "mention mine" }, `@${body.slice(1)}`);
  if (body.startsWith("!")) return h("span", { class: "mention" }, label || `@${body.slice(1).split("^")[0]}`);
  if (safeLink(body)) return anchor(body, label || unescape(body.replace(/^mailto:/, "")));
  return `<${unescape(inner)}>`;
}

/** One line's styles, mentions, links and emoji. Each pattern splits the text and goes on with what stands around it. */
function inline(text) {
  if (!text) return [];
  const code = STYLES[0][1].exec(text);
  const found = SPECIAL.exec(text);
  if (found && !(code && code.index < found.index)) {
    const around = (node) => [...inline(text.slice(0, found.index)), node, ...inline(text.slice(found.index + found[0].length))];
    // A style may reach over a mention, as in "*<@U1>*": those are looked for first.
    const over = STYLES.slice(1).map(([tag, pattern]) => [tag, pattern.exec(text)]).find(([, m]) => m && m.index < found.index && m.index + m[0].length > found.index + found[0].length);
    if (!over) return around(special(found[1]));
  }
  for (const [tag, pattern] of STYLES) {
    const match = pattern.exec(text);
    if (!match) continue;
    const inside = tag === "code" ? [unescape(match[2])] : inline(match[2]);
    return [...inline(text.slice(0, match.index) + match[1]), h(tag, {}, inside), ...inline(text.slice(match.index + match[0].length))];
  }
  const bare = BARE_LINK.exec(text);
  if (bare) return [...inline(text.slice(0, bare.index)), anchor(bare[0], unescape(bare[0])), ...inline(text.slice(bare.index + bare[0].length))];
  return emoji(unescape(text));
}

function emoji(text) {
  const match = EMOJI_NAME.exec(text);
  if (!match) return [text];
  const drawn = EMOJI[match[1]] ? h("span", { role: "img", "aria-label": match[1].replaceAll("_", " "), class: "emoji" }, EMOJI[match[1]]) : match[0];
  return [text.slice(0, match.index), drawn, ...emoji(text.slice(match.index + match[0].length))];
}

function lines(text) {
  const nodes = [];
  let quote = null;
  text.split("\n").forEach((line, number) => {
    const quoted = /^(&gt;|>)\s?/.exec(line);
    if (quoted) {
      quote ??= nodes[nodes.push(h("blockquote")) - 1];
      if (quote.childNodes.length) quote.append(h("br"));
      quote.append(...inline(line.slice(quoted[0].length)));
      return;
    }
    if (number > 0 && !quote) nodes.push(h("br"));
    quote = null;
    nodes.push(...inline(line));
  });
  return nodes;
}

/** Slack's mrkdwn as elements. */
export function mrkdwn(text) {
  return text.split("```").flatMap((part, number) => {
    if (number % 2 === 0) return lines(part);
    return [h("pre", {}, unescape(part.replace(/^\n|\n$/g, "")))];
  });
}

/** A text object of either kind. */
export function text(object) {
  if (!object) return [];
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plain(object.text, object.emoji !== false);
}

function plain(words, withEmoji) {
  return words.split("\n").flatMap((line, number) => [...(number ? [h("br")] : []), ...(withEmoji ? emoji(line) : [line])]);
}

// Rich text, as clients and apps compose it.

function styled(node, style = {}) {
  const tags = { bold: "strong", italic: "em", strike: "s", code: "code", underline: "u" };
  return Object.entries(tags).reduce((inner, [name, tag]) => (style[name] ? h(tag, {}, inner) : inner), node);
}

function richPart(part) {
  switch (part.type) {
    case "text": return styled(h("span", { class: "pre-line" }, part.text), part.style);
    case "link": return styled(anchor(part.url, part.text || part.url), part.style);
    case "user": return mention(part.user_id);
    case "channel": return channelMention(part.channel_id);
    case "emoji": return emoji(`:${part.name}:`);
    case "broadcast": return h("span", { class: "mention mine" }, `@${part.range}`);
    case "date": return h("time", {}, moment(part.timestamp, part.format || "{date}", part.fallback || ""));
    case "usergroup": return h("span", { class: "mention" }, `@${part.usergroup_id}`);
    case "color": return h("span", { class: "code" }, part.value);
    default: return h("span", { class: "unknown-part" }, `[unknown: ${part.type}]`);
  }
}

/** The parts of a rich text block. */
export function richText(elements) {
  return elements.map((element) => {
    const parts = (element.elements || []).map((part) => (part.type?.startsWith("rich_text") ? richText([part]) : richPart(part)));
    switch (element.type) {
      case "rich_text_section": return h("div", {}, parts);
      case "rich_text_quote": return h("blockquote", {}, parts);
      case "rich_text_preformatted": return h("pre", {}, parts);
      case "rich_text_list": return h(element.style === "ordered" ? "ol" : "ul", { class: "list", start: element.offset ? element.offset + 1 : null }, parts.map((item) => h("li", {}, item)));
      default: return h("div", { class: "unknown-part" }, `[unknown: ${element.type}]`);
    }
  });
}

/** Rich text as one would type it. */
export function plainRichText(elements) {
  const marks = { bold: "*", italic: "_", strike: "~", code: "`" };
  const part = (one) => {
    if (one.type?.startsWith("rich_text")) return plainRichText([one]);
    const words = { text: one.text, link: one.text || one.url, user: `@${nameOf(one.user_id)}`, emoji: `:${one.name}:` }[one.type] ?? "";
    return Object.entries(marks).reduce((inner, [name, mark]) => (one.style?.[name] ? mark + inner + mark : inner), words);
  };
  return elements.map((element) => (element.elements || []).map(part).join(element.type === "rich_text_list" ? "\n" : "")).join("\n");
}

/** The little Markdown that apps send: headings, lists, emphasis, code and links. */
export function markdown(source) {
  return source.split(/\n{2,}/).map((paragraph) => {
    const heading = /^(#{1,6})\s+(.*)$/.exec(paragraph);
    if (heading) return h("p", { class: "md-heading" }, markdownLine(heading[2]));
    const rows = paragraph.split("\n");
    if (rows.every((row) => /^\s*([-*]|\d+\.)\s/.test(row))) {
      const tag = /^\s*\d/.test(rows[0]) ? "ol" : "ul";
      return h(tag, { class: "list" }, rows.map((row) => h("li", {}, markdownLine(row.replace(/^\s*([-*]|\d+\.)\s/, "")))));
    }
    return h("p", {}, rows.flatMap((row, number) => [...(number ? [h("br")] : []), ...markdownLine(row)]));
  });
}

function markdownLine(line) {
  const turned = line.replace(/\[([^\]\n]+)\]\(([^)\s]+)\)/g, "<$2|$1>").replace(/\*\*([^*\n]+)\*\*/g, "\u0001$1\u0001").replace(/(^|\W)\*([^*\n]+)\*(?=\W|$)/g, "$1_$2_");
  return inline(turned.replace(/\u0001/g, "*"));
}

/** A text without its markup, for one line in a list or for a screen reader. */
export function bareText(source) {
  const holder = h("div", {}, mrkdwn(source));
  return holder.textContent;
}
