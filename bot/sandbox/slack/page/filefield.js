// Files in a form: chosen, dropped or pasted; checked as a client checks them, and shown with what they are.

import { fileAddress } from "./api.js";
import { h, iconButton } from "./dom.js";
import { fileMark, isPicture, sizeOf } from "./media.js";

const LARGEST = 10_000_000;

/** Draw the field. `upload(files, held)` answers what was taken in, or nothing. */
export function fileField(element, value, { id, label, change, upload }) {
  return new FileField(element, value, { id, label, change, upload }).node;
}

class FileField {
  constructor(element, value, { id, label, change, upload }) {
    Object.assign(this, { change, upload });
    this.most = element.max_files || 10;
    this.kinds = element.filetypes || [];
    this.held = [...value];
    this.list = h("ul", { class: "chosen-files", "aria-label": `Files for ${label}` });
    this.chooser = h("input", { id, type: "file", multiple: this.most > 1, class: "unseen", "aria-label": label, accept: this.kinds.map((kind) => `.${kind}`).join(",") });
    this.status = h("span", { class: "hint", role: "status" });
    this.trouble = h("div", { class: "error", role: "alert" });
    this.chooser.addEventListener("change", () => this.take([...this.chooser.files]).then(() => (this.chooser.value = "")));
    const choose = h("button", { type: "button", class: "button", on: { click: () => this.chooser.click() } }, this.most > 1 ? "Choose files" : "Choose a file");
    this.zone = h("div", { class: "drop-zone" }, this.chooser, choose, h("span", {}, "or drop them here"), this.status);
    this.node = h("div", { class: "file-input" }, this.zone, this.trouble, this.list);
    for (const kind of ["dragover", "dragleave", "drop"]) this.zone.addEventListener(kind, (event) => this.dragged(event));
    this.node.addEventListener("paste", (event) => {
      if (!event.clipboardData.files.length) return;
      event.preventDefault();
      this.take([...event.clipboardData.files]);
    });
    this.draw();
  }

  dragged(event) {
    event.preventDefault();
    event.stopPropagation();
    this.zone.classList.toggle("over", event.type === "dragover");
    if (event.type === "drop") this.take([...event.dataTransfer.files]);
  }

  /** Take what may be taken, and say of the rest why not. */
  async take(files) {
    const problems = [];
    const fits = files.filter((file) => {
      const suffix = file.name.split(".").pop().toLowerCase();
      const same = suffix === "jpeg" ? ["jpeg", "jpg"] : suffix === "jpg" ? ["jpg", "jpeg"] : [suffix];
      if (this.kinds.length && !same.some((one) => this.kinds.includes(one))) problems.push(`${file.name} is none of ${this.kinds.join(", ")}.`);
      else if (file.size > LARGEST) problems.push(`${file.name} is larger than 10 MB.`);
      else return true;
      return false;
    });
    // Where one is all there may be, a new one takes its place.
    const before = this.most === 1 && fits.length ? [] : this.held;
    const fresh = fits.slice(0, this.most - before.length);
    if (fresh.length < fits.length) problems.push(`At most ${this.most} file${this.most === 1 ? "" : "s"}.`);
    this.trouble.textContent = problems.join(" ");
    if (!fresh.length) return;
    this.zone.classList.add("busy");
    this.status.textContent = `Uploading ${fresh.length === 1 ? fresh[0].name : `${fresh.length} files`}…`;
    const added = await this.upload(fresh, before);
    this.zone.classList.remove("busy");
    if (added) this.set([...before, ...added]);
    else this.draw();
  }

  set(next) {
    this.held = next;
    this.change(next);
    this.draw();
  }

  draw() {
    this.list.replaceChildren(...this.held.map((file) => this.row(file)));
    const kinds = this.kinds.length ? ` · ${this.kinds.join(", ")}` : "";
    this.status.textContent = `${this.held.length ? `${this.held.length} of at most ${this.most}` : `At most ${this.most}`}${kinds}`;
  }

  row(file) {
    const film = (file.mimetype || "").startsWith("video/");
    const seen = isPicture(file)
      ? h("img", { src: fileAddress(file.id), alt: "" })
      : film
        ? h("video", { src: fileAddress(file.id), preload: "metadata", muted: true, "aria-hidden": "true", tabindex: "-1" })
        : fileMark(file);
    const away = iconButton("close", `Remove ${file.name}`, () => {
      this.trouble.textContent = "";
      this.set(this.held.filter((other) => other !== file));
    });
    return h("li", {}, seen, h("span", { class: "file-about" }, h("span", { class: "file-name" }, file.name), h("span", { class: "hint" }, sizeOf(file.size || 0))), away);
  }
}
