// Pictures, films, sounds and other files, as they stand in messages and forms.

import { fileAddress } from "./api.js";
import { lightbox } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { safeLink } from "./links.js";

const PICTURE = /^image\/(png|jpe?g|gif|webp|heic|heif|tiff|bmp)$/;
const FILM = /^video\//;
const SOUND = /^audio\//;
const ODD = {
  tombstone: "This file was deleted.",
  hidden_by_limit: "Hidden: the workspace is over its limit.",
  external: "Lives elsewhere.",
  file_access: "Shared from another workspace.",
};

/** Whether this kind of file is shown as a picture, by the browser itself or drawn anew for it. */
export function isPicture(file) {
  return PICTURE.test(file.mimetype);
}

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
  const gallery = h(
    "div",
    { class: `gallery of-${many}`, role: "group", "aria-label": shown.length > 1 ? `${shown.length} pictures` : "Picture" },
    shown.map((one, at) => shot(one, shown, at)),
  );
  const alone = shown.length === 1 && shown[0].caption;
  return alone ? h("figure", {}, h("figcaption", { class: "hint" }, alone), gallery) : gallery;
}

function shot(one, shown, at) {
  const image = h("img", { src: one.src, alt: one.alt || "", decoding: "async", loading: "lazy" });
  if (one.width && one.height) Object.assign(image, { width: one.width, height: one.height });
  const button = h("button", { type: "button", class: "shot", "aria-label": `Open ${one.alt || one.name}`, on: { click: () => lightbox(shown, at) } }, image);
  if (one.width && one.height && shown.length === 1) button.style.aspectRatio = `${one.width} / ${one.height}`;
  // One alone is shown whole: where its size is not told beforehand, as soon as it is known.
  else if (shown.length === 1) image.addEventListener("load", () => (button.style.aspectRatio = `${image.naturalWidth} / ${image.naturalHeight}`));
  image.addEventListener("error", () => button.replaceWith(h("div", { class: "broken" }, icon("file"), h("span", {}, `${one.name} cannot be shown`))));
  return button;
}

/** A picture as small as the words beside it. */
export function smallPicture(part) {
  const shown = picture(part);
  return shown && h("img", { class: "small-picture", src: shown.src, alt: shown.alt });
}

/** Everything that was posted with a message. */
export function posted(files) {
  if (!files.length) return null;
  const here = files.filter((f) => f.mode === "hosted");
  const seen = here.filter(isPicture);
  const gallery = seen.length && pictures(seen.map((f) => ({ src: fileAddress(f.id), save: fileAddress(f.id, true), alt: f.title || f.name, name: f.name, width: f.width, height: f.height })));
  const films = here.filter((f) => FILM.test(f.mimetype)).map(film);
  const sounds = here.filter((f) => SOUND.test(f.mimetype)).map(sound);
  const rest = files.filter((f) => !here.includes(f) || !(isPicture(f) || FILM.test(f.mimetype) || SOUND.test(f.mimetype)));
  return h("div", { class: "files" }, gallery || null, films, sounds, rest.map(fileCard));
}

function film(file) {
  const node = h("video", { class: "film", src: fileAddress(file.id), controls: true, preload: "metadata", playsinline: true, "aria-label": file.title || file.name });
  const whole = h("figure", { class: "film-frame" }, node, h("figcaption", { class: "hint" }, saved(file)));
  // One that this browser cannot play may still be saved.
  node.addEventListener("error", () => whole.replaceWith(fileCard(file)));
  return whole;
}

function sound(file) {
  return h("figure", { class: "film-frame" }, h("audio", { src: fileAddress(file.id), controls: true, preload: "metadata", "aria-label": file.title || file.name }), h("figcaption", { class: "hint" }, saved(file)));
}

function saved(file) {
  return h("a", { href: fileAddress(file.id, true), download: file.name }, file.name);
}

/** How much a file is, in words. */
export function sizeOf(bytes) {
  return bytes > 1_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1000))} kB`;
}

/** A file that is not shown, only named: what it is, how large, and where to get it. */
export function fileCard(file) {
  const paper = file.mimetype === "application/pdf";
  const link = file.mode === "hosted" ? fileAddress(file.id, !paper) : file.url && safeLink(file.url);
  const name = link ? h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, file.name) : h("span", {}, file.name);
  const kind = ODD[file.mode] || `${wordFor(file)} · ${sizeOf(file.size)}`;
  return h("div", { class: "file-card" }, fileMark(file), h("div", { class: "file-about" }, h("div", { class: "file-name" }, name), h("div", { class: "hint" }, kind)));
}

/** The sign for a kind of file. */
export function fileMark(file) {
  const kind = FILM.test(file.mimetype || "") ? "film" : "file";
  return h("span", { class: `file-mark ${kind}` }, icon(kind));
}

function wordFor(file) {
  if (!file.mimetype) return "still being looked at";
  if (file.mimetype === "application/pdf") return "PDF";
  const suffix = file.name.includes(".") ? file.name.split(".").pop() : file.mimetype.split("/").pop();
  return suffix.toUpperCase();
}
