// Somebody's face: initials on a colour of their own, or the app's sign.

import { h } from "./dom.js";
import { nameOf, state } from "./state.js";

/** A face for a person or the app; decoration only, since the name stands beside it. */
export function avatar(id, size = "") {
  if (id === state.app.user) return h("img", { class: `avatar app-face ${size}`, src: "/page/icon.svg", alt: "" });
  const initials = nameOf(id).split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
  const tone = Math.max(0, [...state.people.keys()].indexOf(id)) % 6;
  return h("span", { class: `avatar tone-${tone} ${size}`, "aria-hidden": "true" }, initials);
}
