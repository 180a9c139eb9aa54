// Questions before something that cannot be taken back, and pictures seen large.

import { h, icon, iconButton } from "./dom.js";
import { text } from "./words.js";

/** Ask by a confirmation dialog as an app describes it; resolves to whether it was agreed to. */
export function ask(confirm) {
  return new Promise((answer) => {
    const dialog = h("dialog", { class: "confirm", "aria-labelledby": "confirm-title" });
    const done = (agreed) => {
      dialog.close();
      dialog.remove();
      answer(agreed);
    };
    const yes = h("button", { type: "button", class: confirm.style === "danger" ? "button danger" : "button primary", on: { click: () => done(true) } }, confirm.confirm.text);
    const no = h("button", { type: "button", class: "button", on: { click: () => done(false) } }, confirm.deny.text);
    dialog.append(h("h2", { id: "confirm-title" }, text(confirm.title)), h("div", { class: "confirm-text" }, text(confirm.text)), h("div", { class: "row end" }, no, yes));
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      event.stopPropagation();
      done(false);
    });
    document.body.append(dialog);
    dialog.showModal();
    yes.focus();
  });
}

/** A question of the page's own, in the same clothes. */
export function askPlain(title, words, yes, style = "primary") {
  const plain = (value) => ({ type: "plain_text", text: value });
  return ask({ title: plain(title), text: plain(words), confirm: plain(yes), deny: plain("Cancel"), style });
}

/** Show pictures large, one at a time: `{src, alt, name, save}`. */
export function lightbox(pictures, start) {
  let at = start;
  const image = h("img", { class: "lightbox-image" });
  const caption = h("figcaption");
  const count = h("span", { class: "lightbox-count" });
  const save = h("a", { class: "bare light", "aria-label": "Save", title: "Save", download: "" }, icon("save"));
  const dialog = h("dialog", { class: "lightbox", "aria-label": "Picture" });
  const close = () => {
    dialog.close();
    dialog.remove();
  };
  const show = (next) => {
    at = (next + pictures.length) % pictures.length;
    const picture = pictures[at];
    Object.assign(image, { src: picture.src, alt: picture.alt });
    caption.textContent = picture.name || picture.alt;
    count.textContent = pictures.length > 1 ? `${at + 1} of ${pictures.length}` : "";
    save.href = picture.save || picture.src;
  };
  const several = pictures.length > 1;
  dialog.append(
    h("div", { class: "lightbox-bar" }, caption, count, save, iconButton("close", "Close", close, { class: "light" })),
    h(
      "figure",
      {},
      several && iconButton("left", "Previous picture", () => show(at - 1), { class: "light step" }),
      image,
      several && iconButton("right", "Next picture", () => show(at + 1), { class: "light step" }),
    ),
  );
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(at - 1);
    if (event.key === "ArrowRight") show(at + 1);
  });
  dialog.addEventListener("click", (event) => event.target.matches("dialog, figure") && close());
  dialog.addEventListener("close", () => dialog.remove());
  show(start);
  document.body.append(dialog);
  dialog.showModal();
}
