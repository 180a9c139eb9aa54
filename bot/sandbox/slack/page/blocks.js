// Block Kit as elements. What is not known here is shown as unknown, with what it holds.
//
// A surface is what the blocks stand on: `press(block, element, option)` sends what is pressed or chosen,
// `suggest(block, element, typed)` asks the app what it offers, `input(block)` draws input blocks,
// `chosen(block, element)` tells what is chosen, `follow(url)` goes there if that is within the page.

import { ask } from "./dialogs.js";
import { h, iconButton } from "./dom.js";
import { field } from "./fields.js";
import { safeLink } from "./links.js";
import { fileMark, picture, pictures, smallPicture } from "./media.js";
import { openMenu } from "./menus.js";
import { chart, table } from "./tables.js";
import { markdown, richText, text } from "./words.js";

/** Draw blocks one below the other; pictures that follow each other make a gallery. */
export function renderBlocks(blocks, surface) {
  const nodes = [];
  let gallery = [];
  const flush = () => {
    if (gallery.length) nodes.push(pictures(gallery));
    gallery = [];
  };
  for (const block of blocks) {
    if (block.type === "image" && picture(block)) {
      gallery.push(picture(block));
      continue;
    }
    flush();
    const node = (DRAWN[block.type] || unknown)(block, surface);
    node.dataset.block = block.block_id || "";
    nodes.push(node);
  }
  flush();
  return nodes;
}

const DRAWN = {
  section(block, surface) {
    const words = h("div", { class: "section-words" }, block.text && h("div", { class: "words" }, text(block.text)));
    if (block.fields) words.append(h("div", { class: "fields" }, block.fields.map((part) => h("div", { class: "words" }, text(part)))));
    const beside = block.accessory && element(block, block.accessory, surface);
    return h("div", { class: "section" }, words, beside && h("div", { class: "accessory" }, beside));
  },
  header: (block) => h("h2", { class: "header-block" }, text(block.text)),
  divider: () => h("hr"),
  context: (block) => h("div", { class: "context" }, block.elements.map((part) => (part.type === "image" ? smallPicture(part) || unknown(part) : h("span", {}, text(part))))),
  actions: (block, surface) => h("div", { class: "actions" }, block.elements.map((part) => element(block, part, surface))),
  context_actions: (block, surface) => h("div", { class: "actions slim" }, block.elements.map((part) => element(block, part, surface))),
  rich_text: (block) => h("div", { class: "words" }, richText(block.elements)),
  markdown: (block) => h("div", { class: "words" }, markdown(block.text)),
  input: (block, surface) => (surface.input ? surface.input(block) : loneInput(block, surface)),
  alert: (block) => h("div", { class: `alert level-${block.level || "default"}`, role: "note" }, text(block.text)),
  table,
  data_table: table,
  data_visualization: chart,
  card,
  carousel: (block, surface) => h("div", { class: "carousel", role: "group", "aria-label": "Cards", tabindex: "0" }, block.elements.map((one) => card(one, surface, block))),
  container,
  video: filmCard,
  file: (block) => h("div", { class: "file-card" }, fileMark({}), h("div", {}, h("div", { class: "file-name" }, block.external_id), h("div", { class: "hint" }, "A remote file: it lives elsewhere"))),
  task_card: task,
  plan: (block, surface) => h("div", { class: "plan" }, h("strong", {}, block.title), (block.tasks || []).map((one) => task(one, surface))),
};

function unknown(block) {
  return h(
    "details",
    { class: "unknown" },
    h("summary", {}, "Unknown block ", h("code", {}, String(block.type ?? "without a type")), ": this page cannot show it"),
    h("pre", {}, JSON.stringify(block, null, 2)),
  );
}

// Input blocks where there is no form around them: under a message, in the home tab.

const TYPED = /_input$/;
const PAUSE = 400;

/** Nothing submits it: what is chosen counts at once; what is typed, at Enter, at each pause, or when one leaves the field. */
function loneInput(block, surface) {
  const part = block.element;
  const told = block.dispatch_action && (part.dispatch_action_config?.trigger_actions_on || ["on_enter_pressed"]);
  let value = surface.chosen?.(block, part) ?? initial(part);
  let pause = 0;
  const send = () => surface.press(block, part, value ?? null);
  const drawn = field(part, value, {
    label: block.label.text,
    change: (now) => {
      value = now;
      clearTimeout(pause);
      if (!TYPED.test(part.type)) send();
      else if (told && told.includes("on_character_entered")) pause = setTimeout(send, PAUSE);
    },
    enter: () => told && told.includes("on_enter_pressed") && send(),
    suggest: surface.suggest && ((typed) => surface.suggest(block, part, typed)),
  });
  if (!drawn) return unknown(block);
  if (TYPED.test(part.type) && !told) drawn.addEventListener("change", send);
  const control = drawn.matches("input, textarea") ? drawn : drawn.querySelector("input:not([type=checkbox], [type=radio]), textarea");
  const label = h(control ? "label" : "div", { class: "label", for: control?.id }, block.label.text, block.optional && h("span", { class: "optional" }, " (optional)"));
  return h("div", { class: "input-block" }, label, keyed(drawn, block, part), block.hint && h("div", { class: "hint" }, text(block.hint)));
}

// Blocks that hold others.

function card(one, surface, block = one) {
  const hero = one.hero_image && picture(one.hero_image);
  const words = h("div", { class: "card-words" }, one.title && h("strong", {}, text(one.title)), one.subtitle && h("div", { class: "hint" }, text(one.subtitle)), one.body && h("div", { class: "words" }, text(one.body)));
  const hands = one.actions && h("div", { class: "actions slim" }, one.actions.map((part) => element({ ...block, text: null }, part, surface)));
  return h("div", { class: "card" }, hero && h("div", { class: "card-hero" }, h("img", { src: hero.src, alt: hero.alt })), h("div", { class: "row nowrap" }, one.icon && smallPicture(one.icon), words), hands);
}

function container(block, surface) {
  const title = h("span", { class: "row" }, block.icon && smallPicture(block.icon), h("strong", {}, block.rich_text_title ? richText(block.rich_text_title.elements) : text(block.title)), block.subtitle && h("span", { class: "hint" }, text(block.subtitle)));
  const inner = renderBlocks(block.child_blocks, surface);
  if (!block.is_collapsible) return h("div", { class: "container-block" }, h("div", { class: "container-title" }, title), inner);
  return h("details", { class: "container-block", open: !block.default_collapsed }, h("summary", { class: "container-title" }, title), inner);
}

function filmCard(block) {
  const link = safeLink(block.title_url || block.video_url);
  const shown = safeLink(block.thumbnail_url);
  const title = link ? h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, text(block.title)) : text(block.title);
  const about = [block.author_name, block.provider_name].filter(Boolean).join(" · ");
  return h("div", { class: "card film-card" }, h("strong", {}, title), about && h("div", { class: "hint" }, about), block.description && h("div", { class: "words" }, text(block.description)), shown && h("a", { class: "card-hero", href: safeLink(block.video_url), target: "_blank", rel: "noopener noreferrer", "aria-label": `Play ${block.alt_text}` }, h("img", { src: shown, alt: "" }), h("span", { class: "play", "aria-hidden": "true" }, "▶")));
}

const TASKS = { pending: "○", in_progress: "◔", complete: "✓", error: "✕" };

function task(one) {
  const sources = (one.sources || []).filter((source) => safeLink(source.url));
  return h(
    "div",
    { class: `task ${one.status}` },
    h("span", { class: "task-mark", role: "img", "aria-label": one.status.replace("_", " ") }, TASKS[one.status] || "·"),
    h("div", { class: "section-words" }, one.title, one.details && h("div", { class: "hint" }, richText(one.details.elements)), one.output && h("div", { class: "words" }, richText(one.output.elements)), sources.length ? h("div", { class: "hint" }, sources.map((source) => h("a", { href: source.url, target: "_blank", rel: "noopener noreferrer" }, source.text))) : null),
  );
}

// Elements.

const PRESSED = {
  button,
  workflow_button: button,
  overflow,
  icon_button: (block, part, surface) => {
    const node = iconButton("bin", part.accessibility_label || part.text.text, () => confirmed(part, () => surface.press(block, part)), { class: "outlined" });
    return keyed(node, block, part);
  },
  feedback_buttons: (block, part, surface) => {
    const sides = [["positive_button", "👍"], ["negative_button", "👎"]];
    return h("span", { class: "row" }, sides.map(([side, sign]) => {
      const one = part[side];
      return keyed(h("button", { type: "button", class: "button small", "aria-label": one.accessibility_label || one.text.text, on: { click: () => surface.press(block, part, one.value) } }, sign, " ", text(one.text)), { block_id: `${block.block_id}/${side}` }, part);
    }));
  },
};

function element(block, part, surface) {
  if (part.type === "image") return smallPicture(part) || unknown(part);
  if (PRESSED[part.type]) return PRESSED[part.type](block, part, surface);
  const held = surface.chosen?.(block, part);
  const drawn = field(part, held ?? initial(part), {
    label: part.placeholder?.text || block.text?.text || "Choose",
    change: (value) => confirmed(part, () => surface.press(block, part, value)),
    suggest: surface.suggest && ((typed) => surface.suggest(block, part, typed)),
  });
  return drawn ? keyed(drawn, block, part) : unknown(part);
}

function initial(part) {
  const fromApp = /external_select$/.test(part.type);
  if (part.initial_option) return fromApp ? part.initial_option : part.initial_option.value;
  if (part.initial_options) return fromApp ? part.initial_options : part.initial_options.map((option) => option.value);
  const [, value] = Object.entries(part).find(([name]) => name.startsWith("initial_")) || [];
  return typeof value === "number" ? String(value) : value;
}

/** A name by which the focus finds its way back after a message was drawn anew. */
function keyed(node, block, part) {
  node.dataset.key = `${block.block_id}/${part.action_id}`;
  return node;
}

async function confirmed(part, run) {
  if (!part.confirm || (await ask(part.confirm))) await run();
}

function button(block, part, surface) {
  const kind = { primary: "primary", danger: "danger" }[part.style] || "";
  const link = part.url && safeLink(part.url);
  const node = h(link ? "a" : "button", { class: `button ${kind}`, "aria-label": part.accessibility_label }, text(part.text));
  if (link) Object.assign(node, { href: link, target: "_blank", rel: "noopener noreferrer" });
  else node.type = "button";
  node.addEventListener("click", async (event) => {
    if (node.getAttribute("aria-busy") === "true") return event.preventDefault();
    if (link && surface.follow?.(link)) event.preventDefault();
    await confirmed(part, async () => {
      node.setAttribute("aria-busy", "true");
      try {
        await surface.press(block, part);
      } finally {
        node.removeAttribute("aria-busy");
      }
    });
    return undefined;
  });
  return keyed(node, block, part);
}

function overflow(block, part, surface) {
  const items = part.options.map((option) => ({
    label: option.text.text,
    hint: option.description?.text,
    run: () => {
      const link = option.url && safeLink(option.url);
      if (link && !surface.follow?.(link)) open(link, "_blank", "noopener");
      confirmed(part, () => surface.press(block, part, option.value));
    },
  }));
  const opener = iconButton("more", "More", () => openMenu(opener, items, "More"), { "aria-haspopup": "menu", "aria-expanded": "false", class: "outlined" });
  return keyed(opener, block, part);
}

