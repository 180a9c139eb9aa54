// What the page knows, in one place. Everything else is drawn from it.

import { setClock } from "./clock.js";

export const state = {
  as: new URLSearchParams(location.search).get("as") || sessionStorage.getItem("as") || "ana",
  me: null,
  people: new Map(),
  channels: new Map(),
  app: null,
  vendors: [],
  // Where one is: a conversation or the app, its tab, and the thread in the side pane.
  place: { channel: null, tab: "messages", thread: null, at: null },
};

/** Take in the answer to the first look. */
export function begin(whole) {
  state.team = whole.team;
  state.me = whole.people.find((person) => person.id === whole.me);
  state.people = new Map(whole.people.map((person) => [person.id, person]));
  state.channels = new Map(whole.channels.map((channel) => [channel.id, channel]));
  state.app = whole.app;
  state.vendors = whole.vendors;
  setClock(whole.clock);
}

/** What somebody is called. */
export function nameOf(id) {
  const person = state.people.get(id);
  if (!person) return id;
  return person.id === state.app.user ? state.app.name : person.real_name;
}

/** The other side of a direct conversation. */
export function othersIn(channel) {
  return channel.members.filter((id) => id !== state.me.id);
}

/** Whether a conversation is the one with the app. */
export function isApp(channel) {
  return channel.kind === "im" && channel.members.includes(state.app.user);
}

/** What a conversation is called in the list and above itself. */
export function titleOf(channel) {
  if (channel.kind === "im" || channel.kind === "mpim") return othersIn(channel).map(nameOf).join(", ") || state.me.real_name;
  return channel.name;
}

/** The direct conversation with somebody, if there is one yet. */
export function directWith(id) {
  return [...state.channels.values()].find((c) => c.kind === "im" && c.members.includes(id) && c.members.includes(state.me.id));
}
