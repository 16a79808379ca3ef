// Shows /api/status once a second, and runs queries. Everything from the server is put in as text, never as markup.
"use strict";

const POLL_MS = 1000;
const TIMEOUT_MS = 5000;
const RESULT_CHARS_MAX = 256 * 1024;  // of a query's result; a page is no place for more

const byId = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en-US");
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
const sum = (rows, field) => rows.reduce((total, row) => total + row[field], 0);

function bytes(n) {
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (n < 1000) return `${n < 10 && unit !== "B" ? n.toFixed(1) : Math.round(n)} ${unit}`;
    n /= 1000;
  }
  return `${n.toFixed(1)} TB`;
}

function span(seconds) {
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// 2262 is the end of time: a bounded source that has ended closes every window.
function time(text) {
  if (!text) return "–";
  if (text.startsWith("2262-")) return "the end";
  return text.replace("T", " ").replace(/(\.\d{3})\d*/, "$1").replace("Z", " UTC");
}

function text(id, value) {
  const element = byId(id);
  if (element.textContent !== value) element.textContent = value;
}

// columns: [heading, value of a row, "number" | "problem" | undefined]. A problem is a number that should be zero.
function fill(id, columns, rows) {
  const table = byId(id);
  if (table.tHead === null) {
    const head = table.createTHead().insertRow();
    for (const [heading, , kind] of columns) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = heading;
      if (kind) cell.className = "number";
      head.append(cell);
    }
    table.createTBody();
  }
  const body = table.tBodies[0];
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((row, i) => {
    const line = body.rows[i] ?? body.insertRow();
    columns.forEach(([, value, kind], j) => {
      const cell = line.cells[j] ?? line.insertCell();
      const raw = value(row);
      const shown = typeof raw === "number" ? count(raw) : raw;
      if (cell.textContent !== shown) cell.textContent = shown;
      cell.className = (kind ? "number" : "") + (kind === "problem" && raw > 0 ? " some" : "");
    });
  });
}

const SOURCES = [
  ["name", (s) => s.name + (s.simulated ? " (simulated)" : "")], ["type", (s) => s.type], ["topic", (s) => s.topic],
  ["state", (s) => s.state], ["records", (s) => s.records, "number"], ["rejects", (s) => s.rejects, "problem"],
  ["duplicates", (s) => s.duplicates, "number"],
  ["read", (s) => bytes(s.bytes) + (s.bytes_total ? ` of ${bytes(s.bytes_total)}` : ""), "number"],
  ["requests", (s) => s.requests, "number"], ["retries", (s) => s.retries, "problem"],
];
const STREAMS = [
  ["name", (s) => s.name], ["in", (s) => s.in, "number"], ["out", (s) => s.out, "number"],
  ["late", (s) => s.late, "problem"], ["duplicates", (s) => s.duplicates, "number"],
  ["quarantined", (s) => s.quarantined, "problem"], ["filtered", (s) => s.filtered, "number"],
];
const TOPICS = [
  ["name", (p) => p.topic], ["kind", (p) => p.kind], ["partition", (p) => p.partition, "number"],
  ["oldest offset", (p) => p.start, "number"], ["end", (p) => p.end, "number"],
  ["not yet stored", (p) => Math.max(0, p.end - p.committed), "number"], ["size", (p) => bytes(p.bytes), "number"],
  ["watermark", (p) => time(p.watermark)],
];
const TABLES = [["name", (t) => t.name], ["rows", (t) => t.rows, "number"]];

let previous = null;

function show(status) {
  document.title = `${status.name} – Penstock`;
  text("name", status.name);
  text("version", status.version);
  text("state", status.state);
  byId("state").className = `badge ${status.state.startsWith("failed") ? "bad" : "good"}`;
  byId("simulated").hidden = byId("simulated-note").hidden = !status.simulated;

  const records = sum(status.sources, "records");
  text("records", count(records));
  if (previous && previous.started === status.started && status.uptime_seconds > previous.uptime_seconds) {
    const rate = (records - previous.records) / (status.uptime_seconds - previous.uptime_seconds);
    text("rate", `${count(Math.max(0, Math.round(rate)))} a second`);
  }
  previous = {started: status.started, uptime_seconds: status.uptime_seconds, records};

  const partitions = status.topics.flatMap((t) => t.partitions.map((p) => ({...p, topic: t.name, kind: t.kind})));
  text("rows", count(sum(status.tables, "rows")));
  text("lag", `${plural(partitions.reduce((n, p) => n + Math.max(0, p.end - p.committed), 0), "record")} not yet stored`);
  text("watermark", time(status.watermark));
  text("committed", status.committed ? `last commit ${time(status.committed)}` : "no commit yet");
  text("uptime", span(status.uptime_seconds));
  text("started", `since ${time(status.started)}`);
  fill("sources", SOURCES, status.sources);
  fill("streams", STREAMS, status.streams);
  fill("topics", TOPICS, partitions);
  fill("tables", TABLES, status.tables);
  if (byId("sql").value === "" && status.tables.length > 0) {
    const table = status.tables.find((t) => t.name === "bars") ?? status.tables[0];
    byId("sql").value = `SELECT * FROM ${table.name} LIMIT 20`;
  }
}

async function poll() {
  try {
    const response = await fetch("/api/status", {signal: AbortSignal.timeout(TIMEOUT_MS)});
    if (!response.ok) throw new Error(`answered ${response.status}`);
    show(await response.json());
    byId("notice").hidden = true;
  } catch (error) {
    text("notice", `The pipeline does not answer (${error.message}). The numbers below are the last it gave.`);
    byId("notice").hidden = false;
    text("state", "unreachable");
    byId("state").className = "badge bad";
  }
  setTimeout(poll, POLL_MS);
}

// Reads up to RESULT_CHARS_MAX and then stops the query.
async function readSome(response, stop) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let result = "";
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return result;
    result += value;
    if (result.length > RESULT_CHARS_MAX) {
      stop.abort();
      return `${result.slice(0, RESULT_CHARS_MAX)}\n... cut here; penstock query gives the whole result`;
    }
  }
}

async function run() {
  const result = byId("result");
  const stop = new AbortController();
  byId("run").disabled = true;
  text("took", "running");
  const begun = performance.now();
  let failed = false;
  try {
    const response = await fetch("/api/query?format=table",
                                 {method: "POST", headers: {"Content-Type": "text/plain"}, body: byId("sql").value, signal: stop.signal});
    failed = !response.ok;
    result.textContent = failed ? (await response.json()).error : await readSome(response, stop);
  } catch (error) {
    failed = true;
    result.textContent = `The result could not be read whole: ${error.message}`;
  }
  result.className = failed ? "failed" : "";
  result.hidden = false;
  text("took", `${((performance.now() - begun) / 1000).toFixed(2)} s`);
  byId("run").disabled = false;
}

byId("run").addEventListener("click", run);
byId("sql").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !byId("run").disabled) run();
});
poll();
