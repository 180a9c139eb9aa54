// What a message shows as data: tables that turn their pages, and charts as bars with their numbers.

import { fill, h } from "./dom.js";
import { richText } from "./words.js";

function cell(part) {
  if (part.type === "rich_text") return richText(part.elements);
  return part.type === "raw_number" ? part.text ?? String(part.value) : part.text;
}

/** A table; the first row heads it. */
export function table(block) {
  const [head, ...rows] = block.rows;
  const settings = block.column_settings || [];
  const row = (parts, tag) => h("tr", {}, parts.map((part, at) => h(tag, { scope: tag === "th" ? "col" : null, class: [settings[at]?.align, part.type === "raw_number" && "right"].filter(Boolean).join(" ") || null }, cell(part))));
  const body = h("tbody");
  const size = block.page_size || rows.length || 1;
  const pages = Math.ceil(rows.length / size);
  let page = 0;
  const count = h("span", { class: "hint" });
  const show = (to) => {
    page = Math.max(0, Math.min(pages - 1, to));
    fill(body, rows.slice(page * size, (page + 1) * size).map((parts) => row(parts, "td")));
    count.textContent = `${page + 1} of ${pages}`;
  };
  show(0);
  const turn = (step, label) => h("button", { type: "button", class: "button small", on: { click: () => show(page + step) } }, label);
  return h(
    "div",
    { class: "table-block" },
    h("div", { class: "table-scroll", tabindex: "0", role: "group", "aria-label": block.caption || "Table" }, h("table", {}, block.caption && h("caption", {}, block.caption), h("thead", {}, row(head, "th")), body)),
    pages > 1 && h("div", { class: "row" }, turn(-1, "Back"), count, turn(1, "On")),
  );
}

/** A chart as bars, each with its number, whatever its shape was to be. */
export function chart(block) {
  const one = block.chart;
  const series = one.segments ? [{ name: "", data: one.segments }] : one.series;
  const most = Math.max(...series.flatMap((s) => s.data.map((point) => Math.abs(point.value))), 1);
  const bar = (point) => h("tr", {}, h("th", { scope: "row" }, point.label), h("td", { class: "bar-cell" }, h("span", { class: "bar", style: { width: `${(Math.abs(point.value) / most) * 100}%` } })), h("td", { class: "right" }, String(point.value)));
  return h("div", { class: "table-block" }, h("table", { class: "chart" }, h("caption", {}, block.title), series.map((s) => h("tbody", {}, s.name && h("tr", {}, h("th", { colspan: "3", class: "hint" }, s.name)), s.data.map(bar)))));
}
