// What the page asks of the local Slack: looks under /page, gestures under /control, and the stream of changes.

import { state } from "./state.js";

/** The local Slack said no; `error` is its word and `facts` say about what. */
export class Refused extends Error {
  constructor(answer) {
    super(answer.error);
    this.error = answer.error;
    this.facts = answer.facts || {};
  }
}

async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Refused({ error: "not_connected" });
  }
  const body = await answer.json().catch(() => ({ error: `http_${answer.status}` }));
  if (!answer.ok) throw new Refused(body);
  return body;
}

function address(path, query) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== null) url.searchParams.set(name, value);
  return url;
}

/** Look at something as the person whose client this is. */
export function look(what, query = {}) {
  return ask(address(`/page/${what}`, { as: state.as, ...query }));
}

/** Note how far one has read. */
export function markRead(channel, ts, thread) {
  return ask(address("/page/read", { as: state.as }), { method: "POST", body: JSON.stringify({ channel, ts, thread }) });
}

/** Do something as the person: post, press, submit and the like; files travel beside it. */
export function act(what, body = {}, files = []) {
  const full = { user: state.as, ...body };
  if (!files.length) {
    const headers = { "content-type": "application/json" };
    return ask(`/control/${what}`, { method: "POST", headers, body: JSON.stringify(full) });
  }
  const form = new FormData();
  form.set("body", JSON.stringify({ ...full, files: files.map((file) => ({ name: file.name })) }));
  for (const file of files) form.append("file", file, file.name);
  return ask(`/control/${what}`, { method: "POST", body: form });
}

/** The trouble that is on order in the local Slack itself. */
export function onOrder() {
  return ask("/control/faults");
}

/** Ask a vendor's stand-in. */
export function vendor(name, path, method = "GET", body = undefined) {
  const options = { method };
  if (body !== undefined) Object.assign(options, { body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  return ask(`/page/vendor/${encodeURIComponent(name)}/${path}`, options);
}

/** The address of a file's bytes, for this person. */
export function fileAddress(id, save = false) {
  return `/page/files/${encodeURIComponent(id)}?as=${encodeURIComponent(state.as)}${save ? "&save" : ""}`;
}

/** Follow what changes. The browser connects again by itself and goes on where it was. */
export function follow(since, { change, connected }) {
  const source = new EventSource(address("/control/stream", { as: state.as, since }));
  source.onopen = () => connected(true);
  source.onerror = () => connected(false);
  source.onmessage = (event) => JSON.parse(event.data).forEach(change);
  addEventListener("pagehide", () => source.close());
}
