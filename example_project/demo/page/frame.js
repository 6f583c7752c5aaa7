// The invisible page on another origin: it makes the calls that the visible page sends to it.

import { run } from "./runner.js";

addEventListener("message", async ({ origin, data, ports: [reply] }) => {
  // The demo's pages differ only in their port. Frames on other hosts get no reply.
  if (new URL(origin).hostname !== location.hostname || !reply) return;
  reply.postMessage(await run(data));
});
