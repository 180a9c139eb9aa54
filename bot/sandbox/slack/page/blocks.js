// Block Kit as elements. What is not known here is shown as unknown, with what it holds.

import { fileAddress } from "./api.js";
import { h, icon, iconButton } from "./dom.js";
import { ask, lightbox } from "./dialogs.js";
import { field } from "./fields.js";
import { openMenu } from "./menus.js";
import { markdown, richText, safeLink, text } from "./words.js";

/** Draw blocks. `surface.press(block, element, option)` sends what is pressed or chosen; `surface.input(block)` draws input blocks. */
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
  header: (block) => h("h3", { class: "header-block" }, text(block.text)),
  divider: () => h("hr"),
  context: (block) => h("div", { class: "context" }, block.elements.map((part) => (part.type === "image" ? smallPicture(part) : h("span", {}, text(part))))),
  actions: (block, surface) => h("div", { class: "actions" }, block.elements.map((part) => element(block, part, surface))),
  rich_text: (block) => h("div", { class: "words" }, richText(block.elements)),
  markdown: (block) => h("div", { class: "words" }, markdown(block.text)),
  input: (block, surface) => (surface.input ? surface.input(block) : unknown(block)),
};

function unknown(block) {
  return h(
    "details",
    { class: "unknown" },
    h("summary", {}, "Unknown block ", h("code", {}, String(block.type ?? "without a type")), ": this page cannot show it"),
    h("pre", {}, JSON.stringify(block, null, 2)),
  );
}

// Pictures.

/** What a picture block shows, or null where it shows nothing. */
export function picture(block) {
  const caption = block.title ? block.title.text : "";
  if (block.slack_file) {
    const id = block.slack_file.id || /files-pri\/[^/]*-(F\w+)\//.exec(block.slack_file.url || "")?.[1];
    return id ? { src: fileAddress(id), save: fileAddress(id, true), alt: block.alt_text, name: caption || block.alt_text, caption } : null;
  }
  const url = safeLink(block.image_url || "");
  return url ? { src: url, alt: block.alt_text, name: caption || block.alt_text, caption } : null;
}

/** Pictures side by side; each opens large, with the others around it. */
export function pictures(shown) {
  const many = Math.min(shown.length, 5);
  return h(
    "div",
    { class: `gallery of-${many}`, role: "group", "aria-label": shown.length > 1 ? `${shown.length} pictures` : "Picture" },
    shown.map((one, at) => {
      const image = h("img", { src: one.src, alt: one.alt, decoding: "async" });
      if (one.width && one.height) Object.assign(image, { width: one.width, height: one.height });
      const button = h("button", { type: "button", class: "shot", "aria-label": `Open ${one.alt || one.name}`, on: { click: () => lightbox(shown, at) } }, image);
      if (one.width && one.height && shown.length === 1) button.style.aspectRatio = `${one.width} / ${one.height}`;
      image.addEventListener("error", () => button.replaceWith(h("div", { class: "broken" }, icon("file"), h("span", {}, `${one.name} cannot be shown`))));
      return button;
    }),
  );
}

function smallPicture(part) {
  const shown = picture(part);
  return shown ? h("img", { class: "small-picture", src: shown.src, alt: shown.alt }) : unknown(part);
}

// Elements.

function element(block, part, surface) {
  if (part.type === "image") return smallPicture(part);
  if (part.type === "button") return button(block, part, surface);
  if (part.type === "overflow") return overflow(block, part, surface);
  const held = surface.chosen?.(block, part);
  const drawn = field(part, held ?? initial(part), {
    label: part.placeholder?.text || block.text?.text || "Choose",
    change: (value) => confirmed(part, () => surface.press(block, part, value)),
  });
  return drawn ? keyed(drawn, block, part) : unknown(part);
}

function initial(part) {
  if (part.initial_option) return part.initial_option.value;
  if (part.initial_options) return part.initial_options.map((option) => option.value);
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
