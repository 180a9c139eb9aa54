// Menus that open beside a button: arrows move, Enter chooses, Esc and a press elsewhere close.

import { h } from "./dom.js";

let open = null;

/** Close whatever menu stands open. */
export function closeMenu(back = false) {
  if (!open) return;
  const { node, opener } = open;
  open = null;
  node.remove();
  opener.setAttribute("aria-expanded", "false");
  if (back) opener.focus();
}

/** Open a menu at a button. Items: `{label, hint, run, danger, icon, checked}` or `"-"` for a line, or `{heading}`. */
export function openMenu(opener, items, label) {
  const again = open?.opener === opener;
  closeMenu();
  if (again) return;
  const buttons = [];
  const node = h("div", { class: "menu", role: "menu", "aria-label": label });
  for (const item of items) {
    if (item === "-") node.append(h("hr"));
    else if (item.heading) node.append(h("div", { class: "menu-heading", role: "presentation" }, item.heading));
    else {
      const role = item.checked === undefined ? "menuitem" : "menuitemradio";
      const button = h(
        "button",
        { type: "button", role, tabindex: "-1", class: item.danger ? "danger" : "", "aria-checked": item.checked === undefined ? null : String(item.checked) },
        h("span", { class: "menu-label" }, item.label, item.keys && h("kbd", { "aria-hidden": "true" }, item.keys)),
        item.hint && h("span", { class: "menu-hint" }, item.hint),
      );
      button.addEventListener("click", () => {
        closeMenu(true);
        item.run();
      });
      buttons.push(button);
      node.append(button);
    }
  }
  node.addEventListener("keydown", (event) => steer(event, buttons));
  (opener.closest("dialog, main, nav, aside") || document.body).append(node);
  open = { node, opener };
  opener.setAttribute("aria-expanded", "true");
  place(node, opener);
  (buttons.find((b) => b.getAttribute("aria-checked") === "true") || buttons[0])?.focus();
}

function steer(event, buttons) {
  const at = buttons.indexOf(document.activeElement);
  const go = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (go !== undefined) buttons.at(go % buttons.length)?.focus();
  else if (event.key === "Escape" || event.key === "Tab") closeMenu(true);
  else if (event.key.length === 1) buttons.find((b) => b.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Below the opener where there is room, else above it; never outside the window. */
export function place(node, opener) {
  const at = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = node;
  const below = at.bottom + height + 8 <= innerHeight || at.top < height + 8;
  node.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  node.style.top = `${Math.max(8, Math.min(below ? at.bottom + 4 : at.top - height - 4, innerHeight - height - 8))}px`;
}

/** Keep a list below its field, as wide as it, however things move; answers how to stop. */
export function follow(node, field) {
  const put = () => {
    const at = field.getBoundingClientRect();
    const room = innerHeight - at.bottom - 12;
    const above = room < 180 && at.top > room;
    node.style.minWidth = `${at.width}px`;
    node.style.maxHeight = `${Math.max(120, Math.min(300, above ? at.top - 12 : room))}px`;
    node.style.left = `${Math.max(8, Math.min(at.left, innerWidth - node.offsetWidth - 8))}px`;
    node.style.top = above ? `${at.top - node.offsetHeight - 4}px` : `${at.bottom + 4}px`;
  };
  const grown = new ResizeObserver(put);
  grown.observe(node);
  grown.observe(field);
  addEventListener("scroll", put, true);
  addEventListener("resize", put);
  put();
  return () => {
    grown.disconnect();
    removeEventListener("scroll", put, true);
    removeEventListener("resize", put);
  };
}

document.addEventListener("pointerdown", (event) => {
  if (open && !open.node.contains(event.target) && !open.opener.contains(event.target)) closeMenu();
});
addEventListener("resize", () => closeMenu());
