// What the page of TestChromium does with WebSockets. It tells how each ended in a
// POST of its own, and the server hands that to the test.
'use strict';

// open is a WebSocket whose messages are asked for one by one.
async function open(path, protocols = []) {
  const ws = new WebSocket('wss://' + location.host + path, protocols);
  ws.binaryType = 'arraybuffer';
  const came = [];
  let wake = () => {};
  let end = null;
  ws.onmessage = e => { came.push(e.data); wake(); };
  const closed = new Promise(done => {
    ws.onclose = e => {
      end = {code: e.code, reason: e.reason, clean: e.wasClean};
      done(end);
      wake();
    };
  });
  const next = async () => {
    while (came.length === 0) {
      if (end) throw new Error(path + ' closed: ' + JSON.stringify(end));
      await new Promise(w => { wake = w; });
    }
    return came.shift();
  };
  await new Promise((done, failed) => {
    ws.onopen = done;
    ws.onerror = () => failed(new Error(path + ' did not open'));
  });
  return {ws, next, closed};
}

function random(n) {
  const bytes = new Uint8Array(n);
  const most = 65536; // at a time, says the specification of getRandomValues
  for (let i = 0; i < n; i += most) crypto.getRandomValues(bytes.subarray(i, i + most));
  return bytes;
}

const MiB = 1 << 20;
const texts = ['', 'hello', 'grüße \u{1F50C} \u2028', 'a line that repeats; '.repeat(MiB / 21), '\u20ac'.repeat(MiB / 3)];
const binaries = [0, 1, 125, 126, 65535, 65536, MiB].map(random).concat(new Uint8Array(MiB));

function same(sent, came) {
  if (typeof sent === 'string') return sent === came;
  const b = new Uint8Array(came);
  return b.length === sent.length && b.every((v, i) => v === sent[i]);
}

// exchange sends everything at once, and wants the same in the same order.
async function exchange(s, messages) {
  for (const m of messages) s.ws.send(m);
  for (const [i, m] of messages.entries()) {
    if (!same(m, await s.next())) throw new Error('message ' + i + ' came back changed');
  }
}

async function tell(name, what) {
  await fetch('/told', {method: 'POST', body: JSON.stringify({name, ...what})});
}

async function closes(s, code, reason) {
  s.ws.close(code, reason);
  return {...await s.closed, extensions: s.ws.extensions, protocol: s.ws.protocol};
}

async function echo(name) {
  const s = await open('/' + name, ['chat.v2', 'chat.v1']);
  await exchange(s, [...texts, ...binaries]);
  return closes(s, 1000, 'done');
}

const scenes = {
  deflated: () => echo('deflated'),
  plain: () => echo('plain'),
  async leave() {
    const s = await open('/leave');
    await exchange(s, ['hello']);
    return closes(s, 4001, 'tired of waiting \u2713');
  },
  async deploy() {
    const s = await open('/deploy');
    await exchange(s, ['hello']);
    s.ws.send('go');
    return s.closed;
  },
};

async function play() {
  if (document.readyState !== 'complete') await new Promise(done => addEventListener('load', done));
  if (location.pathname === '/next') {
    const s = await open('/killed');
    await exchange(s, ['hello']);
    s.ws.send('ready'); // for the end: no request may be on its way then
    return;
  }
  for (const [name, scene] of Object.entries(scenes)) await tell(name, await scene());
  const s = await open('/away');
  await exchange(s, ['hello']);
  await tell('away', {});
  location.href = '/next'; // with the socket open
}

play().catch(e => tell('error', {error: String(e)}));
