// The wallboard: draws each picture that the stream brings, counts seconds between them, and says when they stop coming.
"use strict";

const OLD_AFTER = 6000; // milliseconds without a picture; the server gives one every 2 s at least
const AGAIN_AFTER = 2000;
const ANEW_AFTER = 15000; // without a picture: where the server lost its power, or a switch on the way, no error ever tells that the stream broke
const SLOW = [10, 20]; // seconds: Polri 110 and NFPA 1225; NENA's limit for 95 %

const WORDS = {
  id: {
    other: "EN", calls: "Panggilan berlangsung", takers: "Penerima panggilan", agencies: "Saluran OPD", none: "Tidak ada panggilan",
    more: "panggilan lagi", old: "DATA LAMA — terakhir", never: "Menunggu data …",
    daemon: { hangs: "Layanan pbx112 macet; panggilan baru dilayani dialplan cadangan", absent: "Layanan pbx112 tidak berjalan; panggilan dilayani dialplan cadangan" },
    trouble: { journal: "Jurnal tidak terbaca: panggilan mungkin tidak tampil", asterisk: "Asterisk tidak menjawab: keadaan saluran tidak diketahui", plan: "agencies.yaml tidak terbaca" },
    nobody: "Tidak ada penerima panggilan yang siap", dead: "Tanpa saluran hidup:",
    what: { arriving: "Masuk", ringing: "Berdering", confirming: "Menunggu tekan 1", talking: "Bicara", held: "Ditahan (musik)", waiting: "Menunggu giliran", menu: "Dalam menu", announcing: "Tidak ada yang menjawab", fallback: "Dilayani dialplan cadangan" },
    taker: { ready: "Siap", ringing: "Berdering", talking: "Bicara", paused: "Jeda", logged_out: "Keluar", unreachable: "Terputus" },
    line: { ready: "hidup", ringing: "berdering", busy: "sibuk", unreachable: "terputus", unknown: "tidak diketahui" },
    leave: "Keluar", hidden: "tanpa nomor", left: "pemanggil sudah menutup", unnamed: "HP",
    figures: { calls: "Panggilan hari ini", within_10: "≤ 10 s (min. 90 %)", within_15: "≤ 15 s (min. 90 %)", within_20: "≤ 20 s (min. 95 %)", mean: "Rata-rata dijawab", longest_tenth: "10 % terlama", abandoned: "Batal", unserved: "Tak terlayani" },
    false: "palsu", fallback: "cadangan",
  },
  en: {
    other: "ID", calls: "Live calls", takers: "Call takers", agencies: "Agencies' lines", none: "No calls",
    more: "more calls", old: "DATA ARE OLD — last at", never: "Waiting for data …",
    daemon: { hangs: "pbx112 hangs; new calls are served by the fallback dialplan", absent: "pbx112 does not run; calls are served by the fallback dialplan" },
    trouble: { journal: "The journal cannot be read: calls may be missing here", asterisk: "Asterisk does not answer: the lines' state is unknown", plan: "agencies.yaml cannot be read" },
    nobody: "No call taker is ready", dead: "Without a live line:",
    what: { arriving: "Arriving", ringing: "Ringing", confirming: "Waits for key 1", talking: "Talking", held: "On hold (music)", waiting: "Waits its turn", menu: "In the menu", announcing: "Nobody answered", fallback: "With the fallback dialplan" },
    taker: { ready: "Ready", ringing: "Ringing", talking: "Talking", paused: "Paused", logged_out: "Logged out", unreachable: "Unreachable" },
    line: { ready: "alive", ringing: "ringing", busy: "busy", unreachable: "unreachable", unknown: "unknown" },
    leave: "Log out", hidden: "no number", left: "the caller has hung up", unnamed: "mobile",
    figures: { calls: "Calls today", within_10: "≤ 10 s (min. 90 %)", within_15: "≤ 15 s (min. 90 %)", within_20: "≤ 20 s (min. 95 %)", mean: "Mean answer time", longest_tenth: "Longest 10 %", abandoned: "Abandoned", unserved: "Unserved" },
    false: "false", fallback: "fallback",
  },
};

const at = (id) => document.getElementById(id);
let picture = null;
let came = 0; // when the last picture came, by this machine's steady clock
let asked = 0; // when the stream was last asked for, by the same
let ahead = 0; // the server's clock minus ours, milliseconds
let language = kept("language");
let stream = null;

function kept(name, value) {
  try {
    if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch { return value ?? null; }
}

function make(kind, style, text) {
  const made = document.createElement(kind);
  if (style) made.className = style;
  if (text !== undefined) made.textContent = text;
  return made;
}

const words = () => WORDS[language] ?? WORDS.id;
const now = () => Date.now() + ahead;
const locale = () => (language === "en" ? "en-GB" : "id-ID");

function lasting(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${String(whole % 60).padStart(2, "0")}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${String(whole % 60).padStart(2, "0")}`;
}

function clock(milliseconds) {
  return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: picture.zone }).format(milliseconds);
}

// --- what is drawn once for each picture

function draw() {
  const say = words();
  document.documentElement.lang = language;
  document.title = `${picture.calls.length + picture.more} · ${picture.service}`;
  at("language").textContent = say.other;
  at("leave").textContent = say.leave;
  at("number").textContent = picture.number;
  at("service").textContent = picture.service;
  at("calls-title").textContent = say.calls;
  at("takers-title").textContent = say.takers;
  at("agencies-title").textContent = say.agencies;
  at("calls-count").textContent = picture.calls.length + picture.more;
  at("legend").replaceChildren(...Object.entries(say.line).map(([state, word]) => make("span", `ln ${state}`, word)));
  drawFigures(say);
  drawTakers(say);
  drawAgencies(say);
  drawCalls(say);
  tick();
}

function drawFigures(say) {
  const today = picture.today;
  const number = (value, digits = 0) => value.toLocaleString(locale(), { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const share = (value, wanted) => value === null ? ["–", "", ""] : [number(Math.floor(value * 1000) / 10, value === 1 ? 0 : 1), "%", wanted === null ? "" : value >= wanted ? "good" : "bad"];
  const time = (value) => value === null ? ["–", "", ""] : [number(value, 1), "s", ""];
  const share_of_calls = today.calls ? ` ${number((100 * today.abandoned) / today.calls)} %` : "";
  const extras = [[today.false, say.false], [today.fallback, say.fallback]].filter(([count]) => count).map(([count, word]) => `${count} ${word}`).join(" · ");
  const tiles = [
    ["calls", number(today.calls), extras, ""],
    ["within_10", ...share(today.within_10, 0.9)],
    ["within_15", ...share(today.within_15, 0.9)],
    ["within_20", ...share(today.within_20, 0.95)],
    ["mean", ...time(today.mean)],
    ["longest_tenth", ...time(today.longest_tenth)],
    ["abandoned", number(today.abandoned), share_of_calls, ""],
    ["unserved", number(today.unserved), "", today.unserved ? "bad" : ""],
  ];
  at("figures").replaceChildren(...tiles.map(([key, value, unit, mood]) => {
    const tile = make("div", `figure ${mood}`);
    const big = make("b", "", value);
    if (unit) big.append(" ", make("small", "", unit));
    tile.append(big, make("span", "", say.figures[key]));
    return tile;
  }));
}

function drawTakers(say) {
  at("takers").classList.toggle("many", picture.takers.length > 5);
  at("takers").replaceChildren(...picture.takers.map((taker) => {
    const state = taker.reachable === false && taker.state === "ready" ? "unreachable" : taker.state;
    const row = make("div", "taker");
    const who = make("div", "who", taker.name);
    if (taker.name !== taker.number) who.append(make("small", "", taker.number));
    row.append(who, make("div", `state ${state}`, say.taker[state]));
    return row;
  }));
}

function stateOf(agency) {
  const states = agency.lines.map((line) => line.state);
  for (const state of ["ringing", "busy", "ready", "unknown"]) if (states.includes(state)) return state;
  return "unreachable";
}

function drawAgencies(say) {
  at("agencies").replaceChildren(...picture.agencies.map((agency) => {
    const tile = make("div", `agency ${stateOf(agency)}`);
    const title = make("h3");
    title.append(make("small", "", agency.code), agency.key.replaceAll("_", " ").toUpperCase(), make("span", "", agency.name));
    title.title = agency.name;
    const lines = make("div", "lines");
    for (const line of agency.lines) {
      const shown = make("span", `ln ${line.state}`, line.mobile ? line.name || `${say.unnamed} ${line.number}` : line.number);
      shown.title = `${line.name} ${line.number}: ${say.line[line.state]}`;
      lines.append(shown);
    }
    tile.append(title, lines);
    return tile;
  }));
}

function drawCalls(say) {
  const list = at("calls");
  if (!picture.calls.length) {
    const none = make("div", "none", say.none);
    none.prepend(make("b", "", "✓"));
    list.replaceChildren(none);
    return;
  }
  const rows = picture.calls.map((call) => {
    const row = make("div", "call");
    row.dataset.since = call.accepted_at ?? call.since;
    row.dataset.accepted = call.accepted_at === null ? "" : "1";
    const middle = make("div", "middle");
    middle.append(make("div", "what", call.left ? `${say.what[call.what]} · ${say.left}` : say.what[call.what]), make("div", "whom", call.whom.join(", ")));
    const right = make("div", "caller", call.caller || say.hidden);
    if (call.incident) right.prepend(make("em", "", call.incident));
    row.append(make("div", "wait"), middle, right);
    return row;
  });
  list.classList.toggle("many", rows.length > 3);
  list.replaceChildren(...rows);
  let hidden = picture.more;
  if (matchMedia("(min-width: 901px)").matches) { // there the list does not scroll: what does not fit is counted
    const rest = make("div", "rest");
    const tell = () => { rest.textContent = `+ ${hidden} ${say.more}`; };
    while (list.children.length > 1 && list.scrollHeight > list.clientHeight + 1) {
      rest.remove();
      list.lastElementChild.remove();
      hidden += 1;
      tell();
      list.append(rest);
    }
  } else if (hidden) list.append(make("div", "rest", `+ ${hidden} ${say.more}`));
}

// --- what is drawn every second

function tick() {
  const say = words();
  const silent = performance.now() - came;
  const old = !picture || silent > OLD_AFTER;
  document.body.classList.toggle("old", old);
  if (silent > ANEW_AFTER && performance.now() - asked > ANEW_AFTER) connect();
  if (!picture) {
    alerts([["bad", say.never]]);
    return;
  }
  at("clock").textContent = clock(now());
  at("date").textContent = new Intl.DateTimeFormat(locale(), { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: picture.zone }).format(now());
  const told = [];
  if (old) told.push(["bad", `${say.old} ${clock(picture.at / 1000)}`]);
  if (say.daemon[picture.daemon]) told.push(["bad", say.daemon[picture.daemon]]);
  for (const what of picture.trouble) told.push(["", say.trouble[what]]);
  if (picture.takers.length && !picture.takers.some((taker) => ["ready", "ringing", "talking"].includes(taker.state) && taker.reachable !== false)) told.push(["bad", say.nobody]);
  const dead = picture.agencies.filter((agency) => stateOf(agency) === "unreachable").map((agency) => agency.key.replaceAll("_", " ").toUpperCase());
  if (dead.length) told.push(["", `${say.dead} ${dead.join(", ")}`]);
  alerts(told);
  for (const row of at("calls").children) {
    if (row.dataset.since === undefined) continue;
    const seconds = (now() - row.dataset.since / 1000) / 1000;
    row.querySelector(".wait").textContent = lasting(seconds);
    row.classList.toggle("talks", row.dataset.accepted === "1");
    row.classList.toggle("warn", !row.dataset.accepted && seconds >= SLOW[0] && seconds < SLOW[1]);
    row.classList.toggle("bad", !row.dataset.accepted && seconds >= SLOW[1]);
  }
}

function alerts(told) {
  const text = JSON.stringify(told);
  if (at("alerts").dataset.text === text) return;
  at("alerts").dataset.text = text;
  at("alerts").replaceChildren(...told.map(([mood, word]) => make("div", `alert ${mood}`, word)));
  if (picture) drawCalls(words()); // there is more or less room
}

// --- where pictures come from

function connect() {
  stream?.close();
  asked = performance.now();
  stream = new EventSource("events");
  stream.onmessage = (message) => {
    picture = JSON.parse(message.data);
    came = performance.now();
    ahead = picture.at / 1000 - Date.now();
    language ??= picture.language in WORDS ? picture.language : "id";
    draw();
  };
  stream.onerror = async () => {
    if (stream.readyState !== EventSource.CLOSED) return; // it tries again by itself
    try {
      if ((await fetch("picture")).status === 401) return location.replace("login");
    } catch { /* not there: later */ }
    setTimeout(connect, AGAIN_AFTER);
  };
}

at("language").onclick = () => { language = kept("language", language === "en" ? "id" : "en"); if (picture) draw(); };
at("theme").onclick = () => {
  const light = document.documentElement.dataset.theme !== "light";
  document.documentElement.dataset.theme = kept("theme", light ? "light" : "dark");
};
document.documentElement.dataset.theme = kept("theme") ?? "dark";
addEventListener("resize", () => { if (picture) draw(); });
setInterval(tick, 1000);
tick();
connect();
