// The page on the other origin, without a face: it makes the calls that it is handed.

import { run } from "./runner.js";

addEventListener("message", async ({ origin, data, ports: [reply] }) => {
  // The demo's pages differ in their port alone. Whoever else frames this page gets no answer.
  if (new URL(origin).hostname !== location.hostname || !reply) return;
  reply.postMessage(await run(data));
});
