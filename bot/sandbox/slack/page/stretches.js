// A long list of messages, in stretches: those out of sight are neither laid out nor drawn, and keep their height.
//
// Many messages in one box cost the browser something for each of them whenever any of them moves. So each
// stretch is a box of its own, and rests (`content-visibility`) once it has been measured: until somebody
// scrolls near it, it is one box with a height. One that was never drawn would have a guessed height, and
// everything below it would jump when it comes into sight; so each is drawn once before it rests.

import { h } from "./dom.js";

const MOST = 60;

/** The messages of a pane in their order, by `data-ts`. */
export class Stretches {
  constructor() {
    this.node = h("div", { class: "messages-list", role: "list" });
    this.measured = new ResizeObserver((entries) => entries.forEach(({ target, contentRect }) => contentRect.height && this.settle(target)));
  }

  close() {
    this.measured.disconnect();
  }

  get first() {
    return this.node.firstElementChild?.firstElementChild ?? null;
  }

  get last() {
    return this.node.lastElementChild?.lastElementChild ?? null;
  }

  /** The message before another, whichever stretch it is in. */
  before(article) {
    return article.previousElementSibling ?? article.parentElement.previousElementSibling?.lastElementChild ?? null;
  }

  after(article) {
    return article.nextElementSibling ?? article.parentElement.nextElementSibling?.firstElementChild ?? null;
  }

  /** The newest message that is so. */
  newest(wanted) {
    for (let one = this.last; one; one = this.before(one)) if (wanted(one)) return one;
    return null;
  }

  /** Put older messages before all others, all at once. */
  prepend(articles) {
    for (let end = articles.length; end > 0; end -= MOST) this.node.prepend(this.stretch(articles.slice(Math.max(0, end - MOST), end)));
  }

  /** Put a message where its time says. */
  insert(article) {
    const before = this.newest((one) => one.dataset.ts <= article.dataset.ts);
    if (!before) this.prepend([article]);
    else if (before === this.last && before.parentElement.childElementCount >= MOST) this.node.append(this.stretch([article]));
    else before.after(article);
  }

  append(article) {
    if (this.last) this.last.after(article);
    else this.prepend([article]);
  }

  /** Take a message away, and its stretch with the last one. */
  remove(article) {
    const stretch = article.parentElement;
    article.remove();
    if (!stretch.childElementCount) stretch.remove();
  }

  stretch(articles) {
    const node = h("div", { class: "stretch" }, articles);
    this.measured.observe(node);
    return node;
  }

  /** It was laid out: its height is known, from the next frame on to the browser too. */
  settle(stretch) {
    this.measured.unobserve(stretch);
    requestAnimationFrame(() => requestAnimationFrame(() => stretch.classList.add("resting")));
  }
}
