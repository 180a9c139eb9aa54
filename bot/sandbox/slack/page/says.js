// What people do with the app, and the words for what did not work.

import { act, Refused } from "./api.js";
import { toast } from "./dom.js";
import { state } from "./state.js";

const WORDS = {
  is_archived: "This channel is archived.",
  not_in_channel: "You are not in this conversation.",
  not_your_message: "That is not your message.",
  messages_tab_disabled: "Sending messages to this app is turned off.",
  interactivity_not_enabled: "The app has interactivity turned off.",
  not_connected: "The local Slack does not answer.",
  message_not_found: "This message is gone.",
  workflows_are_not_played: "Workflows are not played here.",
  already_reacted: "You have reacted so already.",
  user_not_found: "There is nobody of that name.",
  already_in_channel: "Already in this channel.",
};

/** Say in words why something was refused. */
export function explain(error) {
  if (!(error instanceof Refused)) throw error;
  return WORDS[error.error] || error.message.replaceAll("_", " ");
}

/** What is said when the app did not take something in its three seconds. */
export function unanswered() {
  return `${state.app.name} did not answer. Try again in a moment.`;
}

/** Do something, and say so where it was refused. Returns the answer, or undefined. */
export async function attempt(what, body = {}) {
  try {
    return await act(what, body);
  } catch (error) {
    toast(explain(error), "bad");
    return undefined;
  }
}

/** Send a press or a choice, and say so when the app does not answer. */
export async function press(where, block, element, option) {
  const gesture = where.home || where.view_id ? "press_view" : "press";
  const result = await attempt(gesture, { ...where, action: element.action_id, block_id: block.block_id, option });
  if (result?.sent && !result.acked) toast(unanswered(), "bad");
}

/** Choose a shortcut, on a message or globally. */
export async function shortcut(callback_id, message = null) {
  const about = message ? { channel: message.channel, ts: message.ts } : {};
  const result = await attempt("shortcut", { callback_id, ...about });
  if (result && !result.acked) toast(unanswered(), "bad");
}

/** Ask the app what it offers for what was typed into a menu of its own. Throws Refused. */
export function suggest(where, block, element, typed) {
  return act("suggest", { ...where, action: element.action_id, block_id: block.block_id, typed });
}

/** Put a sign under a message, or take one's own away. */
export function react(message, name, remove = false) {
  return attempt("react", { channel: message.channel, ts: message.ts, name, remove });
}
