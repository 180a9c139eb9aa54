// Loaded before everything else: whoever reaches for another machine is told no, and so is the test.
const net = require('node:net');

const HERE = new Set(['127.0.0.1', '::1', 'localhost']);
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function guarded(...args) {
  const first = Array.isArray(args[0]) ? args[0][0] : args[0];
  const host = typeof first === 'object' && first !== null ? first.host : args[1];
  const isPath = typeof first === 'string' || (first && first.path);
  if (!isPath && host !== undefined && !HERE.has(host)) {
    process.stderr.write(`NOT THIS MACHINE: ${host}\n`);
    process.exit(97);
  }
  return connect.apply(this, args);
};
