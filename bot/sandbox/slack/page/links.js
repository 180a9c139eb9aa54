// Where links may lead.

/** Only addresses a browser may be sent to; anything else stays text. */
export function safeLink(url) {
  return /^(https?:|mailto:)/i.test(url) ? url : null;
}

/** Where a link leads within the page, if it does: `[channel, thread, ts]`. */
export function ownLink(link) {
  const found = new RegExp(`^${location.origin}/archives/(\\w+)/p(\\d+)(\\d{6})(?:\\?.*)?$`).exec(link);
  if (!found) return null;
  const thread = new URL(link).searchParams.get("thread_ts");
  return [found[1], thread, `${found[2]}.${found[3]}`];
}
