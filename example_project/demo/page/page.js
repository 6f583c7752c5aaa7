// Makes the calls of /demo.json one after the other and shows each. The server compares the results
// with the expected ones (/judge), because it has recorded all requests and responses.

import { run } from "./runner.js";

const state = document.documentElement.dataset; // state.demo: "running", "passed" or "failed"
const demo = await (await fetch("/demo.json")).json();
const calls = demo.groups.flatMap((group) => group.calls);

// Opened as http://127.0.0.1, for example, this page would be on an origin that the demo does not use.
if (!Object.values(demo.origins).includes(location.origin)) location.replace(demo.origins.page);

const $ = (selector, root = document) => root.querySelector(selector);
const clone = (id) => $(`template#${id}`).content.firstElementChild.cloneNode(true);
const port = (origin) => `:${new URL(origin).port || "80"}`;

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

// --- Making the calls ----------------------------------------------------------------------------

// A frame makes the calls from another origin.
async function frameOn(origin) {
  const frame = element("iframe", "");
  frame.src = `${origin}/frame.html`;
  frame.hidden = true;
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
  document.body.append(frame);
  await loaded;
  return (job) =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      const silence = setTimeout(resolve, 10_000, { error: `No answer from the frame on ${origin}.` });
      port1.onmessage = ({ data }) => {
        clearTimeout(silence);
        port1.close();
        resolve(data);
      };
      frame.contentWindow.postMessage(job, origin, [port2]);
    });
}

const runners = {};
for (const [name, origin] of Object.entries(demo.origins)) {
  runners[name] = origin === location.origin ? run : await frameOn(origin);
}

// On a narrow screen, fold the calls to keep the page short.
let folded = matchMedia("(max-width: 60rem)").matches;

async function playAll() {
  state.demo = "running";
  $("#again").disabled = true;
  $("#problem").hidden = true;
  const memory = { ...demo.memory };
  const session = Math.random().toString(36).slice(2, 8);
  let passed = 0;
  showAll();
  for (const [index, call] of calls.entries()) {
    $("#count").textContent = `Call ${index + 1} of ${calls.length} …`;
    const tag = `${session}.${call.id}`;
    const script = await runners[call.origin]({
      call, api: demo.api, tag: `${demo.tag}=${tag}`, memory,
    });
    for (const [name, member] of Object.entries(call.remember)) {
      memory[name] = script.body?.[member] ?? "";
    }
    const response = await fetch("/judge", {
      method: "POST",
      body: JSON.stringify({ call: call.id, tag, script, memory }),
    });
    if (!response.ok) throw new Error(await response.text());
    const verdict = await response.json();
    passed += verdict.passed;
    show(call, script, verdict);
  }
  finish(passed);
}

function finish(passed) {
  const all = passed === calls.length;
  $("#count").textContent = `${passed} of ${calls.length} calls as expected`;
  if (!all) {
    complain(
      `Some calls did not go as expected. The demo expects that the settings allow ` +
      `${demo.origins.page}, that a row in the admin allows ${demo.origins.partner}, and that ` +
      `${demo.origins.stranger} is not allowed. CORS_ALLOW_ORIGINS is ` +
      `${demo.allowed.join(", ") || "empty"}.`
    );
  }
  $("#again").disabled = false;
  state.demo = all ? "passed" : "failed";
}

function complain(text) {
  $("#problem").textContent = text;
  $("#problem").hidden = false;
}

// --- Showing them --------------------------------------------------------------------------------

function showAll() {
  const overview = $(".overview");
  const main = $("main");
  overview.replaceChildren();
  main.replaceChildren();
  for (const group of demo.groups) {
    const section = clone("group");
    $("h2", section).textContent = group.title;
    $(".about", section).textContent = group.about;
    const column = element("div", "column");
    column.append(element("h2", "", group.title));
    for (const call of group.calls) {
      const card = clone("call");
      card.id = call.id;
      card.dataset.verdict = "waiting";
      card.open = !folded;
      $("h3", card).textContent = call.title;
      $(".from", card).textContent = `from ${port(demo.origins[call.origin])}`;
      $(".from", card).classList.add(call.origin);
      $(".did", card).textContent = source(call);
      $(".why span", card).textContent = call.why;
      section.append(card);

      const glance = clone("glance");
      glance.href = `#${call.id}`;
      glance.dataset.verdict = "waiting";
      $(".title", glance).textContent = call.title;
      column.append(glance);
    }
    main.append(section);
    overview.append(column);
  }
}

function show(call, script, verdict) {
  const card = document.getElementById(call.id);
  const glance = $(`.overview a[href="#${call.id}"]`);
  const blocked = script.status === undefined;
  for (const shown of [card, glance]) {
    shown.dataset.verdict = verdict.passed ? "passed" : "failed";
    shown.dataset.outcome = blocked ? "blocked" : "read";
  }
  $(".outcome", glance).textContent = blocked ? "blocked" : script.status;
  $(".badge", card).textContent = verdict.passed ? "as expected" : "not as expected";
  $(".why b", card).textContent = verdict.passed ? "Why" : "Expected, because";

  const [preflight, answer] = verdict.findings;
  // Where the browser stopped: after the preflight response, or after the response to the call.
  const end = !blocked ? "" : answer.seen === "not sent" ? "preflight" : "answer";
  $(".stations", card).dataset.end = end;
  $(".stations", card).dataset.preflight = preflight.seen === "none" ? "none" : "sent";
  $(".stations", card).querySelectorAll("b").forEach((b, i) => {
    b.textContent = verdict.findings[i].seen;
  });

  $(".wire", card).replaceChildren(...wire(verdict.exchanges));
  $(".saw", card).textContent = saw(call, script);
  $("tbody", card).replaceChildren(...verdict.findings.map((finding) => {
    const row = element("tr", finding.passed ? "" : "wrong");
    row.append(
      element("th", "", finding.what),
      element("td", "", finding.expected),
      element("td", "", finding.seen)
    );
    return row;
  }));
}

function wire(exchanges) {
  const shown = exchanges.flatMap((exchange) => {
    const name = exchange.is_preflight ? "Preflight" : "The call";
    const sent = element("pre", "sent");
    const received = element("pre", "received");
    sent.append(...exchange.request.map(line));
    received.append(...exchange.response.map(line));
    return [element("h5", "", name), sent, received];
  });
  if (exchanges.every((exchange) => exchange.is_preflight)) {
    shown.push(element("p", "never", "The browser did not send the call."));
  }
  return shown;
}

function line(text) {
  const matters = /^(origin|cookie|access-control-[a-z-]+):/i.test(text);
  return element("span", matters ? "matters" : "", `${text}\n`);
}

// The source code of the call: "{name}" becomes a variable.
function source(call) {
  const literal = (value) => {
    if (typeof value !== "string") return JSON.stringify(value);
    const whole = value.match(/^\{(\w+)\}$/);
    if (whole) return whole[1];
    return value.includes("{")
      ? `\`${value.replace(/\{(\w+)\}/g, "${$1}")}\``
      : JSON.stringify(value);
  };
  const members = (object, indent) =>
    Object.entries(object)
      .map(([name, v]) => `${indent}${/^\w+$/.test(name) ? name : `"${name}"`}: ${literal(v)},\n`)
      .join("");
  const headers = { ...call.headers, ...(call.json && { "Content-Type": "application/json" }) };
  let options = call.method === "GET" ? "" : `  method: "${call.method}",\n`;
  if (call.credentials === "include") options += `  credentials: "include",\n`;
  if (Object.keys(headers).length) options += `  headers: {\n${members(headers, "    ")}  },\n`;
  if (call.json) options += `  body: JSON.stringify({\n${members(call.json, "    ")}  }),\n`;
  if (call.form) options += `  body: new URLSearchParams({\n${members(call.form, "    ")}  }),\n`;
  const url = `\`\${api}${call.path.replace(/\{/g, "${")}\``;
  const reading = [...call.readable, ...call.hidden].map(
    (name) => `\nresponse.headers.get("${name}");`
  );
  return `${reading.length ? "response = " : ""}await fetch(${url}${
    options && `, {\n${options}}`
  });${reading.join("")}`;
}

function saw(call, script) {
  if (script.status === undefined) {
    return `${script.error}\n\nNo status, no headers, no body,\nno reason.`;
  }
  const lines = [`status ${script.status}`];
  for (const [name, value] of Object.entries(script.headers)) lines.push(`${name}: ${value}`);
  for (const name of call.hidden) {
    lines.push(`${name}: ${script.headers[name.toLowerCase()] ?? "null"}`);
  }
  const cut = (name, value) => (name === "csrf_token" ? `${value.slice(0, 4)}…` : value);
  const body = JSON.stringify(script.body, cut, 1).replace(/\n */g, " ");
  if (script.body) lines.push("", body.length > 180 ? `${body.slice(0, 180)} …` : body);
  return lines.join("\n");
}

// --- Starting ------------------------------------------------------------------------------------

for (const [name, origin] of Object.entries(demo.origins)) {
  $(`#origin-${name}`).textContent = origin;
  $(`.place.${name} .here`).textContent =
    origin === location.origin ? "you are here" : "its calls are made in a hidden frame";
}
$("#api").textContent = demo.api;

// --- Allowing the stranger, live -----------------------------------------------------------------

const row = new URLSearchParams({
  policy: "default", origin: demo.origins.stranger, note: "Added from the demo page",
});
$("#add-row").href = `${demo.api}/admin/cors_policy_allowlist/allowedorigin/add/?${row}`;
$("#username").textContent = demo.memory.username;
$("#password").textContent = demo.memory.password;

let watching = 0;

function watch(on) {
  clearInterval(watching);
  watching = on ? setInterval(look, 1000) : 0;
  $("#watch").textContent = on ? "Stop watching" : "Watch";
  if (on) look();
}

async function look() {
  // Use each URL only once. A response from the browser's cache, confirmed by a 304, has the headers
  // of the time when it was stored, so the script could still read it after the row is deleted.
  const tag = `watch=${Date.now()}`;
  const script = await runners.stranger({ call: demo.live, api: demo.api, tag, memory: demo.memory });
  const reads = script.status !== undefined;
  $("#live").dataset.live = reads ? "read" : "blocked";
  const outcome = reads ? `reads ${script.status}` : "blocked";
  if ($("#live b").textContent !== outcome) $("#live b").textContent = outcome;
  $("#live span").textContent =
    `from ${port(demo.origins.stranger)}, at ${new Date().toLocaleTimeString()}`;
}

$("#watch").addEventListener("click", () => watch(!watching));
$("#add-row").addEventListener("click", () => watch(true));
$("#watch").disabled = false;
await look();

async function start() {
  try {
    await playAll();
  } catch (error) {
    complain(`The demo stopped: ${error.message} Check that its server is still running.`);
    $("#again").disabled = false;
    state.demo = "failed";
  }
}

$("#again").addEventListener("click", start);
function fold(all) {
  folded = all;
  for (const card of document.querySelectorAll("details.call")) card.open = !folded;
  $("#fold").textContent = folded ? "Unfold all" : "Fold all";
}

$("#fold").addEventListener("click", () => fold(!folded));
fold(folded);
$(".overview").addEventListener("click", ({ target }) => {
  const link = target.closest("a");
  if (link) document.getElementById(link.hash.slice(1)).open = true;
});

await start();
