// Behind the scenes: the clock, and for each vendor and for Slack itself its jobs, its knobs and trouble on order.
//
// What a vendor shows is said by its stand-in; nothing here knows one vendor from another.

import { act, onOrder, Refused, vendor as askVendor } from "./api.js";
import { clockFacts, lasting, now } from "./clock.js";
import { fill, h, iconButton, toast } from "./dom.js";
import { state } from "./state.js";

const EVERY = 700;
const SHOWN = 8;
const OPEN = new Set(["waiting", "working", "asking"]);
const SLACK = "Slack";
// An order for so many times is one for good; what is left of it goes on counting as that for long enough.
const ALWAYS = 100_000;
const SPEEDS = [[1, "as it is"], [60, "an hour a minute"], [720, "a day in 2 minutes"]];
const LEAPS = [["+ 10 min", 600], ["+ 1 hour", 3600], ["+ 1 day", 86_400]];
const SLACK_TROUBLES = [
  { label: "Slow", about: "its next 10 answers take 2 s", order: { target: "api:*", effect: "slow", times: 10, options: { seconds: 2 } } },
  { label: "Busy", about: "limits the rate of 3 calls", order: { target: "api:*", effect: "rate_limited", times: 3, options: { retry_after: 2 } } },
  { label: "Down", about: "500 for every call until all is well", order: { target: "api:*", effect: "http_500", times: 1_000_000 } },
  { label: "Loses an answer", about: "posts the next message; the app hears nothing", order: { target: "api:chat.postMessage", effect: "lose_answer", times: 1 } },
  { label: "Never shows", about: "the next images never appear", order: { target: "share", effect: "never", times: 1 } },
  { label: "Says it twice", about: "delivers the next 3 events twice", order: { target: "event:*", effect: "duplicate", times: 3 } },
];

/** The panel, kept current for as long as it is open. */
export class Backstage {
  constructor(node, close) {
    this.time = h("span", { class: "clock-time" });
    this.stage = h("div", { class: "stage", role: "tabpanel", id: "stage", tabindex: "0" });
    this.tabs = h("div", { class: "stage-tabs", role: "tablist", "aria-label": "Whose side" });
    const names = [...state.vendors, SLACK];
    const kept = sessionStorage.getItem("stage");
    fill(
      node,
      h("div", { class: "pane-head" }, h("div", {}, h("h2", {}, "Backstage"), h("span", { class: "hint" }, "what the team never sees")), iconButton("close", "Close backstage", close)),
      h("div", { class: "backstage-scroll" }, this.clock(), this.tabs, this.stage),
    );
    this.tabs.append(...names.map((name) => this.tab(name)));
    this.show(names.includes(kept) ? kept : names[0]);
    this.timers = [setInterval(() => document.hidden || this.side?.look(), EVERY), setInterval(() => this.tell(), 250)];
  }

  close() {
    this.timers.forEach(clearInterval);
  }

  // The clock.

  clock() {
    const { kind, rate } = clockFacts();
    if (kind === "machine") return null;
    const leap = ([label, seconds]) => h("button", { type: "button", class: "button small", on: { click: () => doing(() => act("advance", { seconds }), `${lasting(seconds)} later.`) } }, label);
    const speeds = kind === "world" && h("div", { class: "segments", role: "radiogroup", "aria-label": "How fast time runs" }, SPEEDS.map(([speed, words]) => {
      const button = h("button", { type: "button", role: "radio", "aria-checked": String(speed === rate), data: { speed }, on: { click: () => doing(() => act("clock", { rate: speed })) } }, h("strong", {}, `× ${speed}`), h("span", {}, words));
      return button;
    }));
    const about = kind === "world" ? "Slack's and the vendors' time. The bot's own goes with it, but stands still while it is in the middle of a call. Time-outs stay real." : "It stands still until it is turned.";
    this.speeds = speeds || null;
    return h("section", { class: "clock", "aria-label": "Clock" }, h("div", { class: "clock-face" }, this.time, h("span", { class: "hint" }, "in this world")), speeds, h("div", { class: "row" }, LEAPS.map(leap)), h("p", { class: "hint" }, about));
  }

  tell() {
    const date = new Date(now());
    this.time.textContent = date.toLocaleString("en-GB", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
    for (const button of this.speeds?.children ?? []) button.setAttribute("aria-checked", String(Number(button.dataset.speed) === clockFacts().rate));
  }

  // The sides.

  tab(name) {
    const node = h("button", { type: "button", role: "tab", class: "stage-tab", "aria-controls": "stage", data: { name }, on: { click: () => this.show(name) } }, name);
    node.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const all = [...this.tabs.children];
      const next = all[(all.indexOf(node) + step + all.length) % all.length];
      this.show(next.dataset.name);
      next.focus();
    });
    return node;
  }

  show(name) {
    sessionStorage.setItem("stage", name);
    for (const tab of this.tabs.children) {
      const here = tab.dataset.name === name;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
    }
    this.stage.setAttribute("aria-label", name);
    this.side = name === SLACK ? new SlackSide(this.stage) : new VendorSide(this.stage, name);
    this.tell();
  }
}

/** Do something, say so, and say why not where it was refused. */
async function doing(run, words) {
  try {
    await run();
    if (words) toast(words);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    toast(error.message.replaceAll("_", " "), "bad");
  }
}

function troubles(list, order) {
  return h("div", { class: "troubles" }, list.map((one) => h("button", { type: "button", class: "trouble", on: { click: () => order(one) } }, h("strong", {}, one.label), h("span", { class: "hint" }, one.about))));
}

function well(run) {
  return h("button", { type: "button", class: "button small", on: { click: run } }, "All is well");
}

const ordered = (one) => `On order: ${one.label.toLowerCase()}, ${one.about}.`;

/** The list of what is on order; it is drawn anew only when it says something else. */
class Orders {
  constructor() {
    this.node = h("ul", { class: "orders", "aria-label": "Trouble on order" });
  }

  show(words) {
    const told = words.join("\n");
    if (told !== this.told) fill(this.node, words.map((one) => h("li", {}, one)));
    this.told = told;
  }
}

class SlackSide {
  constructor(node) {
    this.orders = new Orders();
    const run = (what, words) => doing(what, words).then(() => this.look());
    const order = (one) => run(() => act("fault", one.order), ordered(one));
    fill(
      node,
      h("p", { class: "hint" }, "The local Slack itself, as the bot meets it."),
      h("section", {}, h("h3", {}, "Trouble on order"), this.orders.node, troubles(SLACK_TROUBLES, order), h("div", { class: "row" }, h("button", { type: "button", class: "button small", on: { click: () => doing(() => act("disconnect", { hard: true }), "The app's socket was cut.") } }, "Cut the socket"), well(() => run(() => act("clear_faults"), "All is well again.")))),
    );
    this.look();
  }

  async look() {
    const words = (f) => {
      const known = SLACK_TROUBLES.find(({ order }) => order.target === f.target && order.effect === f.effect);
      const what = known ? known.label.toLowerCase() : `${f.effect.replaceAll("_", " ")} (${f.target})`;
      return f.times >= ALWAYS ? `${what}, until all is well` : `${what} × ${f.times}`;
    };
    try {
      this.orders.show((await onOrder()).map(words));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }
}

class VendorSide {
  constructor(node, name) {
    this.name = name;
    this.jobs = h("div", { class: "jobs", role: "list", "aria-label": "Jobs" });
    this.orders = new Orders();
    this.paid = h("span", { class: "hint" });
    this.rows = new Map();
    fill(node, h("p", { class: "hint" }, "Asking the stand-in…"));
    this.begin(node);
  }

  async begin(node) {
    try {
      const [panel, settings] = await Promise.all([this.ask("panel"), this.ask("settings")]);
      this.panel = panel;
      if (!node.isConnected) return;
      const knobs = panel.knobs.map((one) => this.knob(one, settings));
      fill(
        node,
        h("p", { class: "hint" }, `${panel.about}, played on this machine.`),
        h("section", {}, h("h3", {}, "Jobs ", this.paid), this.jobs),
        knobs.length ? h("section", {}, h("h3", {}, "Knobs"), knobs) : null,
        h("section", {}, h("h3", {}, "Trouble on order"), this.orders.node, troubles(panel.troubles, (one) => this.order(one)), well(() => this.run(() => this.ask("faults", "DELETE"), "All is well again."))),
      );
    } catch (error) {
      this.away(error, node);
      return;
    }
    this.look();
  }

  away(error, node) {
    if (!(error instanceof Refused)) throw error;
    fill(node, h("p", { class: "hint", role: node === this.jobs ? "listitem" : null }, "The stand-in does not answer."));
    this.rows.clear();
  }

  ask(path, method, body) {
    return askVendor(this.name, path, method, body);
  }

  run(what, words) {
    return doing(what, words).then(() => this.look());
  }

  order({ kind, times, action, details, ...words }) {
    return this.run(() => this.ask("faults", "POST", { kind, times, action, details }), ordered(words));
  }

  // Knobs.

  knob(one, settings) {
    const turn = (value) => this.run(() => this.ask("settings", "POST", { [one.setting]: value }));
    const value = settings[one.setting];
    if (one.switch) return h("label", { class: "tick" }, h("input", { type: "checkbox", checked: Boolean(value), on: { change: (event) => turn(event.target.checked) } }), h("span", {}, one.label));
    const choices = Object.entries(one.choices);
    if (choices.length) {
      const menu = h("select", { class: "input", "aria-label": one.label, on: { change: () => turn(menu.value) } }, choices.map(([key, label]) => h("option", { value: key, selected: key === String(value) }, label)));
      return h("label", { class: "knob" }, h("span", {}, one.label), menu);
    }
    return slider(one, Number(value), turn);
  }

  // Jobs.

  async look() {
    if (!this.panel) return;
    try {
      const [jobs, faults, paid] = await Promise.all([this.ask("jobs"), this.ask("faults"), this.ask("paid")]);
      this.draw(jobs, faults, paid);
    } catch (error) {
      this.away(error, this.jobs);
    }
  }

  draw(jobs, faults, paid) {
    const billed = Object.entries(paid).filter(([, count]) => count).map(([kind, count]) => `${count} × ${(this.panel.jobs[kind] || kind).toLowerCase()}`);
    this.paid.textContent = billed.length ? `billed: ${billed.join(", ")}` : "nothing billed yet";
    const newest = [...jobs].sort((a, b) => b.created_at - a.created_at).slice(0, SHOWN);
    if (!newest.length) fill(this.jobs, h("p", { class: "hint", role: "listitem" }, "Nobody has ordered anything yet."));
    else {
      const rows = newest.map((job) => this.row(job));
      if (rows.some((row, at) => this.jobs.children[at] !== row) || this.jobs.children.length !== rows.length) fill(this.jobs, rows);
    }
    const words = (f) => `${f.kind.replaceAll("_", " ")}${f.times === null ? ", until all is well" : ` × ${f.times}`}${f.action ? ` (${f.action})` : ""}`;
    this.orders.show(faults.map(words));
  }

  row(job) {
    const key = `${job.kind}/${job.id}`;
    const what = this.panel.jobs[job.kind] || job.kind;
    if (!this.rows.has(key)) {
      const bar = h("progress", { max: 1, "aria-label": `Progress of ${what} ${job.id}` });
      const status = h("span", { class: "job-status" });
      const note = h("div", { class: "hint job-name" });
      const fates = this.panel.fates.filter((fate) => fate.faults[job.kind]);
      const hands = h("div", { class: "job-hands" }, fates.map((fate) => h("button", { type: "button", class: "button small", on: { click: () => this.run(() => this.ask("faults", "POST", { kind: fate.faults[job.kind], details: { job: job.id } })) } }, fate.label)));
      const node = h("div", { class: "job", role: "listitem" }, h("div", { class: "job-head" }, h("span", { class: "job-title", title: `${what} ${job.id}` }, h("strong", {}, what), " ", h("span", { class: "hint" }, String(job.id))), status), note, bar, hands);
      this.rows.set(key, Object.assign(node, { update: (now) => this.update({ node, bar, status, note, hands }, now) }));
    }
    const node = this.rows.get(key);
    node.update(job);
    return node;
  }

  update({ node, bar, status, note, hands }, job) {
    const word = this.panel.statuses[job.status] || { text: job.status, tone: "working" };
    const under = OPEN.has(word.tone);
    bar.value = job.progress;
    bar.hidden = !under && word.tone !== "done";
    status.textContent = `${word.text}${under && job.progress ? ` ${Math.round(job.progress * 100)} %` : ""}`;
    const words = job.note || job.name || "";
    note.textContent = words === String(job.id) ? "" : words;
    node.dataset.tone = word.tone;
    hands.hidden = !under || !hands.children.length;
  }
}

/** A slider; one of seconds moves in growing steps, from moments to hours. Where it ends at none, that is its first place. */
function slider(one, value, turn) {
  const first = Math.max(one.least, 1);
  const grows = one.unit === "s" && one.most / first > 50;
  const far = Math.log(one.most / first);
  const toPlace = (v) => (!grows ? v : v < first ? 0 : Math.max(one.least < first ? 1 : 0, Math.round((Math.log(v / first) / far) * 100)));
  const round = (v) => (v < 10 ? Math.round(v) : v < 60 ? Math.round(v / 5) * 5 : v < 3600 ? Math.round(v / 60) * 60 : Math.round(v / 1800) * 1800);
  const toValue = (p) => (!grows ? p : p === 0 ? one.least : Math.min(one.most, round(first * Math.exp((p / 100) * far))));
  const words = (v) => (one.unit === "s" ? lasting(v) : `${v}${one.unit ? ` ${one.unit}` : ""}`);
  const said = h("output", {}, words(value));
  const node = h("input", { type: "range", min: grows ? "0" : String(one.least), max: grows ? "100" : String(one.most), step: grows ? "1" : String(one.step), "aria-label": one.label });
  node.value = toPlace(value);
  node.setAttribute("aria-valuetext", words(value));
  node.addEventListener("input", () => {
    said.textContent = words(toValue(Number(node.value)));
    node.setAttribute("aria-valuetext", said.textContent);
  });
  node.addEventListener("change", () => turn(toValue(Number(node.value))));
  return h("label", { class: "knob" }, h("span", {}, one.label), node, said);
}
