// server.js: an echo server of the ws package on a free port of loopback, which it prints.
'use strict';
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false }, () => {
  console.log(server.address().port);
});
server.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0)); // the test is gone
