// A whole small app: photos in, a form, pictures back into the thread. It knows its Slack from the environment only.
import bolt from '@slack/bolt';

const { SLACK_API_URL, SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_SIGNING_SECRET, MODE } = process.env;
const app = new bolt.App({
  token: SLACK_BOT_TOKEN,
  clientOptions: { slackApiUrl: SLACK_API_URL },
  ...(MODE === 'socket' ? { socketMode: true, appToken: SLACK_APP_TOKEN } : { signingSecret: SLACK_SIGNING_SECRET }),
});

const plain = (text) => ({ type: 'plain_text', text });
const say = (word, facts = {}) => process.stdout.write(`${JSON.stringify({ word, ...facts })}\n`);

const form = (metadata) => ({
  type: 'modal',
  callback_id: 'train',
  title: plain('Train'),
  submit: plain('Go'),
  private_metadata: metadata,
  notify_on_close: true,
  blocks: [
    { type: 'input', block_id: 'name', label: plain('Name'), element: { type: 'plain_text_input', action_id: 'text' } },
    {
      type: 'input',
      block_id: 'photos',
      optional: true,
      label: plain('Photos'),
      element: { type: 'file_input', action_id: 'files', max_files: 3 },
    },
  ],
});

app.event('message', async ({ event, client }) => {
  if (event.subtype !== 'file_share' || event.bot_id) return;
  let bytes = 0;
  for (const file of event.files) {
    const answer = await fetch(file.url_private_download, { headers: { authorization: `Bearer ${SLACK_BOT_TOKEN}` } });
    bytes += (await answer.arrayBuffer()).byteLength;
  }
  const { user } = await client.users.info({ user: event.user, include_locale: true });
  await client.chat.postMessage({
    channel: event.channel,
    thread_ts: event.thread_ts ?? event.ts,
    text: `${event.files.length} photos, ${bytes} bytes, ${user.locale}`,
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: `${event.files.length} photos, ${bytes} bytes, ${user.locale}` } },
      { type: 'actions', elements: [{ type: 'button', action_id: 'train', text: plain('Train…'), value: 'tray' }] },
    ],
  });
});

app.command('/darkroom', async ({ ack, command, respond }) => {
  if (command.text === 'at once') {
    await ack('In the answer itself');
    return;
  }
  await ack();
  await respond({ response_type: 'in_channel', text: `You said: ${command.text}` });
});

app.shortcut('new_model', async ({ ack, shortcut, client }) => {
  await ack();
  await client.views.open({ trigger_id: shortcut.trigger_id, view: form('') });
});

app.shortcut('train_from_message', async ({ ack, shortcut, respond }) => {
  await ack();
  await respond(`Found: ${shortcut.message.text}`);
});

app.action('train', async ({ ack, body, client, respond }) => {
  await ack();
  await client.views.open({ trigger_id: body.trigger_id, view: form(`${body.channel.id} ${body.container.thread_ts}`) });
  await respond({ replace_original: true, text: 'A form is open' });
});

app.view('train', async ({ ack, view, body, client }) => {
  const name = view.state.values.name.text.value;
  if (name === 'taken') {
    await ack({ response_action: 'errors', errors: { name: 'There is one already.' } });
    return;
  }
  await ack();
  const { channel: direct } = await client.conversations.open({ users: body.user.id });
  const [channel, thread] = view.private_metadata ? view.private_metadata.split(' ') : [direct.id, undefined];
  const card = await client.chat.postMessage({ channel, thread_ts: thread, text: `${name}: queued` });
  await client.chat.update({ channel, ts: card.ts, text: `${name}: ${view.state.values.photos.files.files.length} photos in the form` });
  await client.files.uploadV2({
    channel_id: channel,
    ...(thread ? { thread_ts: thread } : {}),
    initial_comment: `${name} is ready`,
    file_uploads: [1, 2].map((n) => ({ file: Buffer.from(`picture ${n}`), filename: `${n}.txt` })),
  });
  const { permalink } = await client.chat.getPermalink({ channel, message_ts: card.ts });
  await client.chat.postMessage({ channel: direct.id, text: permalink });
});

app.view({ type: 'view_closed', callback_id: 'train' }, async ({ ack }) => {
  await ack();
  say('closed');
});

app.event('app_home_opened', async ({ event, client }) => {
  await client.views.publish({
    user_id: event.user,
    view: { type: 'home', blocks: [{ type: 'section', text: plain('Welcome home') }] },
  });
});

app.error(async (error) => say('error', { problem: String(error) }));

const server = await app.start({ port: 0, host: '127.0.0.1' });
say('ready', { port: MODE === 'socket' ? null : server.address().port });
process.stdin.resume();
process.stdin.on('end', async () => {
  await app.stop();
  process.exit(0);
});
