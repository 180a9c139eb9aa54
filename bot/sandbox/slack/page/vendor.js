// The vendors' side: jobs as the stand-in knows them, how long they take, and trouble on order.

import { act, vendor as askVendor, Refused } from "./api.js";
import { fill, h, iconButton, toast } from "./dom.js";
import { state } from "./state.js";

const EVERY = 700;
const WORDS = { NOT_START: "waiting", TRAINING: "at work", FINISHED: "finished", TRAIN_FAILED: "failed" };
const ENDED = new Set(["FINISHED", "TRAIN_FAILED"]);
const TROUBLES = [
  { label: "Slow", about: "its next 10 answers take 3 s", order: { kind: "slow", times: 10, details: { seconds: 3 } } },
  { label: "Busy", about: "throttles its next 3 calls", order: { kind: "throttled", times: 3, details: { retry_after_ms: 2000 } } },
  { label: "Down", about: "refuses every call until all is well", order: { kind: "down" } },
  { label: "Breaks off", about: "does the next 3 calls and answers 500", order: { kind: "effect_then_500", times: 3 } },
  { label: "Loses an answer", about: "starts the next training; nobody hears of it", order: { kind: "effect_then_hang_up", action: "AddModelTrainJob" } },
  { label: "Training fails", about: "the next one, half-way", order: { kind: "training_fails" } },
  { label: "Images fail", about: "the next generation, half-way", order: { kind: "inference_fails" } },
  { label: "One image dead", about: "not found for 3 calls", order: { kind: "dead_image", times: 3, details: { image: 0 } } },
  { label: "Wrong clock", about: "an hour ahead until all is well", order: { kind: "clock", details: { seconds: 3600 } } },
];
const SLACK_TROUBLES = [
  { label: "Slow", about: "its next 10 answers take 2 s", order: { target: "api:*", effect: "slow", times: 10, options: { seconds: 2 } } },
  { label: "Busy", about: "limits the rate of 3 calls", order: { target: "api:*", effect: "rate_limited", times: 3, options: { retry_after: 2 } } },
  { label: "Down", about: "500 for every call until all is well", order: { target: "api:*", effect: "http_500", times: 100000 } },
  { label: "Loses an answer", about: "posts the next message; the app hears nothing", order: { target: "api:chat.postMessage", effect: "lose_answer", times: 1 } },
  { label: "Never shows", about: "the next images never appear", order: { target: "share", effect: "never", times: 1 } },
];

/** The panel, kept current for as long as it is open. */
export class VendorPanel {
  constructor(node, close) {
    this.node = node;
    this.name = state.vendors[0];
    this.jobs = h("div", { class: "jobs", role: "list", "aria-label": "Jobs" });
    this.orders = h("ul", { class: "orders", "aria-label": "Trouble on order" });
    this.paid = h("span", { class: "hint" });
    this.knobs = h("div", { class: "knobs" });
    this.rows = new Map();
    fill(
      node,
      h("header", { class: "pane-head" }, h("div", {}, h("h2", {}, "Vendor"), h("span", { class: "hint" }, `${this.name}, played on this machine`)), iconButton("close", "Close", close)),
      h(
        "div",
        { class: "vendor-scroll" },
        h("section", {}, h("h3", {}, "Jobs ", this.paid), this.jobs),
        h("section", {}, h("h3", {}, "How long they take"), this.knobs),
        h("section", {}, h("h3", {}, "Trouble at the vendor"), this.orders, this.troubles(TROUBLES, (order) => this.ask("faults", "POST", order)), this.well(() => this.ask("faults", "DELETE"))),
        h("section", {}, h("h3", {}, "Trouble in Slack"), this.troubles(SLACK_TROUBLES, (order) => act("fault", order)), h("div", { class: "row" }, h("button", { type: "button", class: "button small", on: { click: () => this.run(() => act("disconnect", { hard: true }), "The app's socket was cut.") } }, "Cut the socket"), this.well(() => act("clear_faults")))),
        state.manualClock && this.clock(),
      ),
    );
    this.drawKnobs();
    this.look();
    this.timer = setInterval(() => document.hidden || this.look(), EVERY);
  }

  close() {
    clearInterval(this.timer);
  }

  ask(path, method, body) {
    return askVendor(this.name, path, method, body);
  }

  async run(doing, words) {
    try {
      await doing();
      if (words) toast(words);
      await this.look();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, "bad");
    }
  }

  troubles(list, order) {
    return h("div", { class: "troubles" }, list.map((one) => h("button", { type: "button", class: "trouble", on: { click: () => this.run(() => order(one.order), `On order: ${one.label.toLowerCase()}, ${one.about}.`) } }, h("strong", {}, one.label), h("span", { class: "hint" }, one.about))));
  }

  well(doing) {
    return h("button", { type: "button", class: "button small well", on: { click: () => this.run(doing, "All is well again.") } }, "All is well");
  }

  clock() {
    const steps = [["A minute", 60], ["An hour", 3600], ["A day", 86400]];
    return h("section", {}, h("h3", {}, "Slack's clock"), h("div", { class: "row" }, steps.map(([label, seconds]) => h("button", { type: "button", class: "button small", on: { click: () => this.run(() => act("advance", { seconds }), `${label} later.`) } }, label))));
  }

  async drawKnobs() {
    const settings = await this.ask("settings").catch(() => null);
    if (!settings) return;
    const knob = (name, label) => {
      const said = h("output", {}, `${settings[name]} s`);
      const slider = h("input", { type: "range", min: "1", max: "120", step: "1", "aria-label": label });
      slider.value = settings[name];
      slider.addEventListener("input", () => (said.textContent = `${slider.value} s`));
      slider.addEventListener("change", () => this.run(() => this.ask("settings", "POST", { [name]: Number(slider.value) })));
      return h("label", { class: "knob" }, h("span", {}, label), slider, said);
    };
    fill(this.knobs, knob("train_seconds", "A training"), knob("infer_seconds", "Making images"));
  }

  async look() {
    try {
      const [jobs, faults, paid] = await Promise.all([this.ask("jobs"), this.ask("faults"), this.ask("paid")]);
      this.draw(jobs, faults, paid);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      fill(this.jobs, h("p", { class: "hint" }, "The stand-in does not answer."));
      this.rows.clear();
    }
  }

  draw(jobs, faults, paid) {
    this.paid.textContent = `billed: ${paid.training} × training, ${paid.inference} × images`;
    if (!jobs.length) fill(this.jobs, h("p", { class: "hint" }, "Nobody has ordered anything yet."));
    else if (!this.rows.size) fill(this.jobs);
    for (const job of [...jobs].sort((a, b) => a.created_at - b.created_at)) {
      const key = `${job.kind}/${job.id}`;
      if (!this.rows.has(key)) {
        this.rows.set(key, this.row(job));
        this.jobs.prepend(this.rows.get(key).node);
      }
      this.rows.get(key).update(job);
    }
    const words = (f) => `${f.kind.replaceAll("_", " ")}${f.times === null ? ", until all is well" : ` × ${f.times}`}${f.action ? ` (${f.action})` : ""}`;
    fill(this.orders, faults.map((f) => h("li", {}, words(f))));
  }

  row(job) {
    const what = job.kind === "training" ? "Training" : "Images";
    const bar = h("progress", { max: 1, "aria-label": `Progress of ${what} ${job.id}` });
    const status = h("span", { class: "job-status" });
    const doom = (fate) => this.run(() => this.ask("faults", "POST", { kind: `${job.kind}_${fate}`, details: { job: Number(job.id) } }));
    const hands = h("span", { class: "job-hands" }, h("button", { type: "button", class: "button small", on: { click: () => doom("fails") } }, "Let it fail"), h("button", { type: "button", class: "button small", on: { click: () => doom("stuck") } }, "Let it hang"));
    const node = h("div", { class: "job", role: "listitem" }, h("div", { class: "job-head" }, h("strong", {}, `${what} ${job.id}`), status), h("div", { class: "hint job-name" }, job.name || job.model_id || ""), bar, hands);
    const update = (now) => {
      bar.value = now.progress;
      status.textContent = `${WORDS[now.status] || now.status}${ENDED.has(now.status) ? "" : ` ${Math.round(now.progress * 100)} %`}`;
      node.dataset.status = now.status;
      hands.hidden = ENDED.has(now.status);
    };
    return { node, update };
  }
}
