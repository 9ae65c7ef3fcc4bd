// client.js URL TEXTS BINARIES PINGS: see ../README.md
'use strict';
const WebSocket = require('ws');
const [url, texts, binaries, pings] = [process.argv[2], ...process.argv.slice(3).map(Number)];

const sizes = [0, 1, 125, 126, 127, 65535, 65536, 70000];
const sent = [];
for (let i = 0; i < texts; i++) sent.push('x'.repeat(sizes[i % sizes.length]));
for (let i = 0; i < binaries; i++) sent.push(Buffer.alloc(sizes[i % sizes.length], i));

const ws = new WebSocket(url, { perMessageDeflate: false });
let echoed = 0, pongs = 0;
function check() {
  if (echoed === sent.length && pongs === pings) ws.close(1000, 'done');
}
ws.on('open', () => {
  for (const m of sent) ws.send(m);
  for (let i = 0; i < pings; i++) ws.ping('p' + i);
  check();
});
ws.on('message', (data) => {
  const want = Buffer.from(sent[echoed]);
  if (!want.equals(data)) { console.error('echo', echoed, 'differs'); process.exit(1); }
  echoed++;
  check();
});
ws.on('pong', () => { pongs++; check(); });
ws.on('close', (code) => process.exit(code === 1000 ? 0 : 1));
ws.on('error', (err) => { console.error(err.message); process.exit(1); });
setTimeout(() => { console.error('timeout', echoed, pongs); process.exit(1); }, 20000);
