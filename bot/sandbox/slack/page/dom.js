// Elements without markup in strings: whatever a message holds, it can only ever become text.

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  hash: "M6.500 2.500 5 13.500M11 2.500 9.500 13.500M2.500 6h11.200M2.200 10.200h11.200",
  lock: "M4 7.200h8v6H4zM5.700 7V5a2.300 2.300 0 0 1 4.600 0v2",
  close: "M3.500 3.500l9 9M12.500 3.500l-9 9",
  back: "M9.800 3 4.800 8l5 5",
  left: "M9.800 3 4.800 8l5 5",
  right: "M6.200 3l5 5-5 5",
  down: "M3.500 6 8 10.500 12.500 6",
  thread: "M2.500 3.200h11v7.600H8.200L5 13.500v-2.700H2.500z",
  link: "M6.700 9.300l2.600-2.600M7.300 4.700l1.400-1.400a2.800 2.800 0 0 1 4 4l-1.400 1.400M8.700 11.300l-1.400 1.400a2.800 2.800 0 0 1-4-4l1.400-1.400",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  plus: "M8 2.800v10.400M2.800 8h10.400",
  bolt: "M9 1.800 3.500 9H7.500L7 14.200 12.500 7H8.500z",
  send: "M2.500 8 13.500 3 9.500 13.200 7.500 9zM7.500 9l3-3",
  save: "M8 2.500v7.500M4.800 7 8 10.200 11.200 7M3 13.200h10",
  sun: "M8 5.200a2.800 2.800 0 1 1 0 5.600 2.800 2.800 0 0 1 0-5.600M8 1.500v1.300M8 13.200v1.300M1.500 8h1.300M13.200 8h1.300M3.400 3.400l.9.9M11.700 11.700l.9.9M3.400 12.600l.9-.9M11.700 4.300l.9-.9",
  file: "M4 1.800h5.200L12.500 5v9.200H4zM9 2v3.200h3.200",
  gauge: "M2.500 11.500a5.500 5.500 0 1 1 11 0M8 11.500l2.600-3.600",
  edit: "M3 13l.6-2.700 7-7 2.100 2.100-7 7zM9.500 4.400l2.100 2.100",
  bin: "M3.500 4.500h9M6.500 4.300V2.800h3v1.500M4.500 4.700l.6 8.500h5.800l.6-8.500",
  smile: "M8 1.800a6.200 6.200 0 1 1 0 12.400A6.200 6.200 0 0 1 8 1.800M5.800 6.300v.4M10.200 6.300v.4M5.300 9.500c.7 1.200 1.600 1.700 2.700 1.700s2-.5 2.700-1.700",
  film: "M2.500 3.500h11v9h-11zM5 3.500v9M11 3.500v9M2.500 6.500H5M2.500 9.500H5M11 6.500h2.500M11 9.500h2.500",
  find: "M7 2.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 0 1 0-9M10.300 10.300l3.200 3.200",
  people: "M6 3.200a2.200 2.200 0 1 1 0 4.400 2.200 2.200 0 0 1 0-4.400M1.800 13c.4-2.600 2-4 4.200-4s3.800 1.400 4.200 4M10.500 3.600a2 2 0 0 1 0 3.800M12 9.400c1.300.6 2 1.800 2.200 3.600",
  eye: "M1.500 8S4 3.800 8 3.800 14.500 8 14.500 8 12 12.200 8 12.200 1.500 8 1.500 8M8 6.300a1.700 1.700 0 1 1 0 3.400 1.700 1.700 0 0 1 0-3.400",
  menu: "M2.500 4.500h11M2.500 8h11M2.500 11.500h11",
  home: "M2.500 7.500 8 2.800l5.500 4.700M4 6.500v6.700h8V6.500",
};

/** Make an element: `h("button", {class: "x", on: {click}}, "Text")`. Values of null, undefined and false are left out. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "style") Object.assign(node.style, value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/** One of the line drawings above; decoration only, so a screen reader passes over it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows only a drawing, with its name for those who do not see it. */
export function iconButton(name, label, click, props = {}) {
  const { class: more = "", ...rest } = props;
  return h("button", { type: "button", class: `bare ${more}`, "aria-label": label, title: label, on: { click }, ...rest }, icon(name));
}

/** Put new children in the place of the old ones. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/** A short word at the edge of the window, for what needs no answer. */
export function toast(text, kind = "") {
  const note = h("div", { class: `toast ${kind}` }, text);
  const shelf = document.querySelector("dialog[open]:last-of-type .modal-toasts") || document.getElementById("toasts");
  shelf.append(note);
  setTimeout(() => note.remove(), 6000);
}

/** Say something to a screen reader. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
