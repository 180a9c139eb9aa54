// The time in the local Slack, which may run faster than this machine's, and how it is told.

let base = { kind: "machine", rate: 1 };
let began = performance.now();

/** Take in what the clock shows, and how fast it runs. */
export function setClock(facts) {
  base = facts;
  began = performance.now();
}

/** What there is to say of the clock: its kind, its rate, how fast it can run. */
export function clockFacts() {
  return base;
}

/** The instant it is there, in milliseconds. */
export function now() {
  if (base.kind === "machine") return Date.now();
  return base.now * 1000 + (performance.now() - began) * base.rate;
}

/** A duration in seconds, as people say it. */
export function lasting(seconds) {
  const parts = [["day", 86_400], ["h", 3600], ["min", 60]];
  for (const [unit, size] of parts) {
    if (seconds < size) continue;
    const much = Math.round((seconds / size) * 10) / 10;
    return unit === "day" ? `${much} day${much === 1 ? "" : "s"}` : `${much} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}

/** "today" and its neighbours, or nothing. */
export function nearDay(date) {
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  const days = Math.round((midnight(date) - midnight(new Date(now()))) / 86_400_000);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
}

// Made once: making one for each message takes longer than drawing it.
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const dateOf = (ts) => new Date(Number(ts) * 1000);

/** The time of day of a message. */
export function timeOf(ts) {
  return CLOCK.format(dateOf(ts));
}

/** The day of a message, as the line between two days says it. */
export function dayOf(ts) {
  const near = nearDay(dateOf(ts));
  return near ? near[0].toUpperCase() + near.slice(1) : DAY.format(dateOf(ts));
}

/** Whether two messages are of one day. */
export function sameDay(one, other) {
  return dateOf(one).toDateString() === dateOf(other).toDateString();
}
