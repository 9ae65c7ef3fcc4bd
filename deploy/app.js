// app.js: the application of compose.yaml and kubernetes.yaml, an echo server. Put your own in its place.
'use strict';
const { WebSocketServer } = require('ws');
const host = process.env.HOST || '0.0.0.0';
const port = Number(process.env.PORT || 8080);
const server = new WebSocketServer({ host, port }, () => console.log(`listening at ${server.address().port}`));
server.on('connection', (ws) => {
  ws.on('error', (err) => console.error(err.message));
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});
process.on('SIGTERM', () => {
  server.clients.forEach((ws) => ws.close(1001));
  server.close(() => process.exit(0));
});
