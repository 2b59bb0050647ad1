"use strict";
// Draws the page from the JSON above. Every string of the log gets into the page as text, never as markup.
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const US = 1000;    // microseconds in a Date's millisecond

function make(tag, attributes, ...children) {
	const element = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
	for (const [key, value] of Object.entries(attributes || {}))
		if (value !== undefined && value !== null) element.setAttribute(key, value);
	for (const child of children) element.append(child);
	return element;
}

// --- words ---

const group = n => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
const plural = (n, word) => group(n) + " " + word + (n === 1 ? "" : "s");

function bytes(n) {
	let unit = -1;
	while (n >= 1024 && unit < 5) { n /= 1024; unit++; }
	return unit < 0 ? String(n) : n.toFixed(1) + " " + "KMGTPE"[unit] + "B";
}

function duration(us) {
	if (us < 1000) return us + " \u00b5s";
	if (us < 1e6) return (us / 1e3).toFixed(1) + " ms";
	const s = us / 1e6;
	if (s < 60) return s.toFixed(1) + " s";
	if (s < 3600) return Math.floor(s / 60) + " min " + Math.floor(s % 60) + " s";
	if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
	return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
}

const two = n => String(n).padStart(2, "0");
const clock = d => two(d.getHours()) + ":" + two(d.getMinutes()) + ":" + two(d.getSeconds());
const day = d => d.getFullYear() + "-" + two(d.getMonth() + 1) + "-" + two(d.getDate());
const moment = us => { const d = new Date(us / US); return day(d) + " " + clock(d) + "." + String(d.getMilliseconds()).padStart(3, "0"); };
const usOf = iso => Date.parse(iso.slice(0, 23) + "Z") * US + Number(iso.slice(23, 26) || 0);

function zone() {
	const east = -new Date(from / US).getTimezoneOffset(), abs = Math.abs(east);
	return "UTC" + (east < 0 ? "\u2212" : "+") + two(Math.floor(abs / 60)) + ":" + two(abs % 60);
}

const from = usOf(data.from), to = Math.max(usOf(data.to), from + 1);

// --- charts ---

const LEFT = 54, RIGHT = 14;
const PAPER = 690;    // about what a page is wide, in CSS pixels
const width = host => Math.max(280, Math.min(1140, host.clientWidth || 1000));

// Steps that people count in, at most `most` of them.
function niceStep(range, most) {
	const rough = range / most, power = 10 ** Math.floor(Math.log10(rough || 1));
	return [1, 2, 5, 10].map(f => f * power).find(step => step >= rough) || 10 * power;
}

function timeStep(range, most) {
	const s = 1e6, steps = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, s, 2 * s, 5 * s, 10 * s, 15 * s, 30 * s, 60 * s, 120 * s, 300 * s,
		600 * s, 900 * s, 1800 * s, 3600 * s, 7200 * s, 10800 * s, 21600 * s, 43200 * s];
	const rough = range / most;
	return steps.find(step => step >= rough) || Math.ceil(rough / (86400 * s)) * 86400 * s;
}

function timeLabel(us, step) {
	const d = new Date(us / US);
	if (step >= 86400e6) return day(d);
	if (step < 1e6) return clock(d) + "." + String(d.getMilliseconds()).padStart(3, "0");
	return step < 60e6 ? clock(d) : clock(d).slice(0, 5);
}

// Axes of a chart over time; returns the functions from values to places.
function frame(svg, w, h, high, label) {
	const x = us => LEFT + (Math.min(Math.max(us, from), to) - from) / (to - from) * (w - LEFT - RIGHT);
	const y = v => h - 24 - v / (high || 1) * (h - 24 - 28);
	const step = Math.max(1, niceStep(high || 1, 4));
	for (let v = 0; v <= (high || 1); v += step) {
		svg.append(make("svg:line", { x1: LEFT, x2: w - RIGHT, y1: y(v), y2: y(v), class: v ? "grid" : "axis" }));
		svg.append(make("svg:text", { x: LEFT - 8, y: y(v) + 4, "text-anchor": "end" }, group(v)));
	}
	const wide = to - from < 5e6 ? 110 : 84, ticks = timeStep(to - from, Math.max(1, (w - LEFT - RIGHT) / wide));
	const shift = -new Date(from / US).getTimezoneOffset() * 60e6;
	for (let t = Math.ceil((from + shift) / ticks) * ticks - shift; t <= to; t += ticks) {
		svg.append(make("svg:line", { x1: x(t), x2: x(t), y1: h - 24, y2: h - 20, class: "axis" }));
		const end = x(t) > w - 46;
		svg.append(make("svg:text", { x: end ? w - RIGHT : x(t), y: h - 7, "text-anchor": end ? "end" : "middle" }, timeLabel(t, ticks)));
	}
	svg.append(make("svg:text", { x: 0, y: 10 }, label));
	return { x, y };
}

// Drawn anew whenever the place for it gets another width.
function chart(host, h, title, draw) {
	const paint = (w = width(host)) => {
		const svg = make("svg:svg", { viewBox: "0 0 " + w + " " + h, role: "img", "aria-label": title });
		host.replaceChildren(svg);
		draw(svg, w, h);
	};
	let drawn = width(host);
	paint();
	new ResizeObserver(() => { if (width(host) !== drawn) { drawn = width(host); paint(); } }).observe(host);
	addEventListener("beforeprint", () => paint(PAPER));
	addEventListener("afterprint", () => paint());
}

function legend(section, rows) {
	section.append(make("ul", { class: "legend" }, ...rows.map(([color, text, shape]) =>
		make("li", {}, make("i", { class: shape, style: "background:var(--" + color + ")" }), text))));
}

const rowTitle = text => make("svg:title", {}, text);

// --- head ---

function head() {
	const hosts = data.hosts.length ? data.hosts.join(", ") : "unknown host";
	document.title = hosts + " \u2013 socklife report";
	byId("title").textContent = hosts;
	byId("span").textContent = moment(from) + " to " + moment(to) + " (" + zone() + "), " + duration(to - from) +
		(data.kernel ? " \u00b7 Linux " + data.kernel : "");
}

const GAPS = {
	"stopped": "the recorder was stopped", "no-stop": "the recorder ended without a stop: killed, or a crash",
	"missing": "records of the log are not there", "before-log": "before the log begins", "after-log": "after the log ends",
};

function coverage() {
	const c = data.coverage, section = byId("coverage"), card = make("div", { class: "card" });
	card.append(make("div", { class: "coverage-head" }, make("b", { id: "percent" }, c.percent.toFixed(2) + "\u202f%"),
		make("span", {}, "of this time was watched" + (c.gaps.length || c.lost.length ? "" : ", without a gap or a loss"))));
	const bar = make("div", { class: "bar", role: "img", "aria-label": "what was watched" });
	let at = from;
	for (const gap of c.gaps.slice(0, 300).concat([null])) {
		const start = gap ? usOf(gap.from) : to, end = gap ? usOf(gap.to) : to;
		const share = us => Math.max(0, us) / (to - from) * 100;
		bar.append(make("i", { style: "background:var(--teal);flex:" + share(start - at) + " 0 0" }));
		if (gap) bar.append(make("i", { style: "background:var(--red);min-width:2px;flex:" + share(end - start) + " 0 0", title: GAPS[gap.reason] || gap.reason }));
		at = end;
	}
	card.append(bar);
	const lines = c.gaps.map(gap => "Gap of " + duration(Math.round(gap.seconds * 1e6)) + ", " + moment(usOf(gap.from)) + " to " + moment(usOf(gap.to)) + ": " +
		(GAPS[gap.reason] || gap.reason) + (gap.missing_records ? ", " + plural(gap.missing_records, "record") + " missing" : ""));
	for (const lost of c.lost)
		lines.push("Lost: " + (lost.count ? group(lost.count) : "an unknown number") + " (" + lost.reason + "), " + moment(usOf(lost.from)) + " to " + moment(usOf(lost.to)));
	if (c.clock_steps) lines.push("The wall clock was stepped " + plural(c.clock_steps, "time"));
	if (c.unreadable_lines) lines.push(plural(c.unreadable_lines, "line") + " could not be read");
	if (c.unreadable_files) lines.push(plural(c.unreadable_files, "file") + " could not be read to the end");
	if (c.untracked_sockets) lines.push(plural(c.untracked_sockets, "record") + " of sockets beyond those that are followed at one time");
	if (lines.length) {
		const list = lines.slice(0, 12).map(line => make("li", {}, line));
		card.append(make("ul", { class: "plain", id: "gaps" }, ...list));
		if (lines.length > 12) card.append(make("details", {}, make("summary", {}, plural(lines.length - 12, "more line")),
			make("ul", { class: "plain" }, ...lines.slice(12).map(line => make("li", {}, line)))));
	}
	section.append(card);
}

function tiles() {
	const e = data.events, failed = data.errors.top.reduce((sum, row) => sum + row.count, 0);
	const rows = [["records", data.records], ["connects", e.connect || 0], ["accepts", e.accept || 0], ["failed calls", failed],
		["lives ended", e.close || 0], [data.findings.length === 1 ? "finding" : "findings", data.findings.length]];
	byId("tiles").append(...rows.map(([name, n]) => make("div", { class: "tile", "data-name": name, "data-value": n }, make("b", {}, group(n)), make("span", {}, name))));
}

const NOW = ["close_wait_leak", "time_wait_pressure"];    // their count is of sockets, which the message tells

function findings() {
	const section = byId("findings"), rows = data.findings;
	section.dataset.count = rows.length;
	if (!rows.length) { section.append(make("p", { class: "muted" }, "None.")); return; }
	const show = row => make("div", { class: "finding " + severity(row) },
		make("div", {}, make("span", { class: "badge " + severity(row) }, row.severity), make("b", {}, row.finding),
			make("span", { class: "muted" }, " \u00b7 " + moment(usOf(row.first)) + (row.last && usOf(row.last) - usOf(row.first) >= 1e6 ? " to " + clock(new Date(usOf(row.last) / US)) : "") +
				(row.count > 1 && !NOW.includes(row.finding) ? " \u00b7 " + group(row.count) + " times" : "") + (row.status !== "closed" ? " \u00b7 not over" : ""))),
		make("p", {}, row.message), row.advice ? make("p", { class: "advice" }, "\u2192 " + row.advice) : "");
	section.append(...rows.slice(0, 20).map(show));
	if (rows.length > 20) section.append(make("details", {}, make("summary", {}, plural(rows.length - 20, "more finding")), ...rows.slice(20, 500).map(show)));
	if (rows.length > 500 || data.findings_not_kept) section.append(make("p", { class: "note" }, "The first 500 are shown: socklife report --findings lists all."));
}

const severity = row => ["error", "warning", "info"].includes(row.severity) ? row.severity : "";

// --- over time ---

const t = data.timeline;
const sum = list => list.reduce((a, b) => a + b, 0);
const bucket = i => t.first_us + i * t.width_us;

function timeline() {
	const section = byId("timeline"), host = make("div", {});
	section.append(host);
	const series = [["connects", "blue", "connects"], ["accepts", "teal", "accepts"], ["failed", "red", "failed connects"]];
	chart(host, 240, "Connections over time", (svg, w, h) => {
		for (const [key] of series) svg.dataset[key] = sum(t[key]);
		svg.dataset.findings = data.findings.length;
		const together = Math.max(1, Math.ceil(t.connects.length / Math.max(1, (w - LEFT - RIGHT) / 5)));
		const columns = [];
		for (let i = 0; i < t.connects.length; i += together)
			columns.push({ at: bucket(i), counts: series.map(([key]) => sum(t[key].slice(i, i + together))) });
		const high = Math.max(1, ...columns.map(c => sum(c.counts)));
		const { x, y } = frame(svg, w, h, high, "per " + duration(t.width_us * together).replace(".0 ", " "));
		for (const gap of data.coverage.gaps.slice(0, 300))
			svg.append(make("svg:rect", { x: x(usOf(gap.from)), width: Math.max(1, x(usOf(gap.to)) - x(usOf(gap.from))), y: 18, height: h - 42, fill: "var(--red)", opacity: .13 }, rowTitle("not watched")));
		for (const column of columns) {
			const left = x(column.at), wide = Math.max(1, x(column.at + t.width_us * together) - left - 1);
			let base = 0;
			column.counts.forEach((n, k) => {
				if (!n) return;
				svg.append(make("svg:rect", { x: left, width: wide, y: y(base + n), height: Math.max(1, y(base) - y(base + n)), fill: "var(--" + series[k][1] + ")" },
					rowTitle(moment(column.at) + ": " + group(n) + " " + series[k][2])));
				base += n;
			});
		}
		for (const row of data.findings.slice(0, 500)) {
			const at = x(usOf(row.first)), color = { error: "red", warning: "amber", info: "blue" }[row.severity] || "grey";
			svg.append(make("svg:path", { d: "M" + at + " 13l5 7l-5 7l-5 -7z", fill: "var(--" + color + ")", stroke: "var(--card)", class: "mark" }, rowTitle(row.finding + ": " + row.message)));
		}
	});
	legend(section, [["blue", "connects"], ["teal", "accepts"], ["red", "failed connects"], ["amber", "findings, in the colour of their severity", "diamond"]]);
}

function ephemeral() {
	const section = byId("ephemeral"), host = make("div", {}), points = data.ephemeral;
	section.append(host);
	const n = t.clients.length, window = Math.max(1, Math.round(60e6 / t.width_us));
	let open = 0, waiting = 0;
	const rows = [];
	for (let i = 0; i < n; i++) {
		open += t.clients[i];
		waiting += t.time_wait[i] - (i >= window ? t.time_wait[i - window] : 0);
		rows.push({ at: bucket(i), open: Math.max(0, open), waiting: Math.round(waiting * Math.min(1, 60e6 / t.width_us)) });
	}
	const range = data.range, capacity = Math.max(0, ...points.map(p => p[2])) || (range ? range.capacity : 0);
	const peak = Math.max(1, ...rows.map(r => r.open + r.waiting), ...points.map(p => p[3]));
	const far = capacity > 4 * peak, high = far ? peak : Math.max(peak, capacity);    // else nothing could be made out
	chart(host, 220, "Ephemeral ports in use over time", (svg, w, h) => {
		svg.dataset.peak = peak;
		svg.dataset.capacity = capacity;
		const { x, y } = frame(svg, w, h, high, "ports");
		const area = (low, top, color, what) => {
			if (!rows.length) return;
			let d = "M" + x(rows[0].at) + " " + y(low(rows[0]));
			for (const r of rows) d += "L" + x(r.at) + " " + y(top(r)) + "L" + x(r.at + t.width_us) + " " + y(top(r));
			for (const r of rows.slice().reverse()) d += "L" + x(r.at + t.width_us) + " " + y(low(r)) + "L" + x(r.at) + " " + y(low(r));
			svg.append(make("svg:path", { d: d + "z", fill: "var(--" + color + ")", opacity: .75 }, rowTitle(what)));
		};
		area(() => 0, r => r.open, "blue", "open connections of clients");
		area(r => r.open, r => r.open + r.waiting, "amber", "in TIME_WAIT");
		if (capacity && !far) {
			svg.append(make("svg:line", { x1: LEFT, x2: w - RIGHT, y1: y(capacity), y2: y(capacity), stroke: "var(--red)", "stroke-dasharray": "5 4" }));
			svg.append(make("svg:text", { x: w - RIGHT, y: y(capacity) - 5, "text-anchor": "end", class: "over" }, "capacity " + group(capacity)));
		}
		for (const [at, subject, most, used, live, waits] of points)
			svg.append(make("svg:circle", { cx: x(at), cy: y(used), r: 3.5, fill: "var(--violet)", stroke: "var(--card)" },
				rowTitle(moment(at) + ", to " + subject + ": " + group(used) + " of " + group(most) + " (" + group(live) + " live, " + group(waits) + " in TIME_WAIT)")));
	});
	legend(section, [["blue", "open connections of clients"], ["amber", "in TIME_WAIT"],
		...(points.length ? [["violet", "in use to one destination, as a finding counted it", "dot"]] : []), ...(capacity && !far ? [["red", "capacity", "dash"]] : [])]);
	section.append(make("p", { class: "note" }, "Areas are counted from the records, all destinations together. A port can be in use to several destinations at once: what is limited is the use to each. " +
		(capacity ? "Capacity: " + group(capacity) + " ports" + (range && range.capacity === capacity ? " (" + range.low + " to " + range.high + ")" : "") +
			"; at most " + (100 * peak / capacity).toFixed(peak / capacity < .1 ? 1 : 0) + "\u202f% of as many were in use." : "The log does not tell the capacity.")));
}

function queues() {
	const section = byId("queues"), listeners = new Map();
	for (const [at, subject, limit, length, drops] of data.queues) {
		const row = listeners.get(subject) || { subject, limit, length: 0, drops: 0, from: at, to: at };
		row.limit = limit; row.length = Math.max(row.length, length); row.drops = Math.max(row.drops, drops); row.to = at;
		listeners.set(subject, row);
	}
	section.dataset.count = listeners.size;
	if (!listeners.size) { section.append(make("p", { class: "muted" }, "No accept queue was full.")); return; }
	const body = make("tbody", {});
	for (const row of [...listeners.values()].slice(0, 50)) {
		const share = row.limit ? Math.min(1, row.length / (row.limit + 1)) : 1;
		body.append(make("tr", {}, make("td", {}, row.subject),
			make("td", {}, make("span", { class: "meter", style: "background:var(--red);--share:" + share.toFixed(3) })),
			make("td", { class: "n", "data-limit": row.limit, "data-length": row.length }, group(row.length) + " of " + group(row.limit)), make("td", { class: "n" }, group(row.drops)), make("td", {}, moment(row.from))));
	}
	section.append(make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, "listener"), make("th", {}, "longest queue"),
		make("th", { class: "n" }, "length"), make("th", { class: "n" }, "dropped"), make("th", {}, "first"))), body)),
		make("p", { class: "note" }, "From the accept_queue_full findings. The queue passes its limit by one before connections are dropped."));
}

// --- the port space: 16 rows of 4096 ports, 64 ports a cell ---

const KINDS = [["violet", "listened on"], ["red", "asked for in vain"], ["teal", "UDP"], ["amber", "bound only"], ["blue", "clients"]];

function kindOf([, listens, clients, datagrams, bound, failed]) {
	return listens ? 0 : failed ? 1 : datagrams ? 2 : clients ? 4 : bound ? 3 : -1;
}

function portSpace() {
	const section = byId("ports"), host = make("div", {}), cells = new Map();
	for (const row of data.port_map) {
		const at = row[0] >> 6, cell = cells.get(at) || { kinds: [0, 0, 0, 0, 0], named: [] };
		const kind = kindOf(row);
		if (kind >= 0) cell.kinds[kind]++;
		if (row[6] !== undefined && cell.named.length < 6) cell.named.push(row[0] + " " + row[6] + (row[1] ? " (listens)" : row[5] ? " (failed)" : ""));
		cells.set(at, cell);
	}
	section.append(host);
	chart(host, 16 * 15 + 6, "Ports 0 to 65535 and what held them", (svg, w) => {
		const step = (w - LEFT - RIGHT) / 64;
		svg.dataset.ports = data.port_map.length;
		svg.dataset.listened = data.port_map.filter(row => row[1]).length;
		for (let row = 0; row < 16; row++) {
			svg.append(make("svg:text", { x: LEFT - 8, y: row * 15 + 11, "text-anchor": "end" }, String(row * 4096)));
			svg.append(make("svg:rect", { x: LEFT, y: row * 15, width: step * 64, height: 12, rx: 2, fill: "var(--free)" }));
		}
		for (const [at, cell] of cells) {
			const kind = cell.kinds.findIndex(n => n), used = sum(cell.kinds);
			if (kind < 0) continue;
			svg.append(make("svg:rect", { x: LEFT + (at & 63) * step, y: (at >> 6) * 15, width: Math.max(1.5, step - .8), height: 12, rx: 1, fill: "var(--" + KINDS[kind][0] + ")",
				opacity: kind === 4 ? (.3 + .7 * Math.min(1, used / 64)).toFixed(2) : 1 },
				rowTitle("ports " + at * 64 + " to " + (at * 64 + 63) + ": " + cell.kinds.map((n, k) => n ? n + " " + KINDS[k][1] : "").filter(s => s).join(", ") +
					(cell.named.length ? "\n" + cell.named.join("\n") : ""))));
		}
	});
	legend(section, KINDS);
	const listened = data.port_map.filter(row => row[1] || row[5]);
	const words = listened.slice(0, 40).map(row => row[0] + " " + (row[6] || "?") + (row[1] ? "" : " (failed)"));
	section.append(make("p", { class: "note" }, "Each row is 4096 ports, each cell 64; a cell shows the first of these kinds that it has, clients the paler the fewer. " +
		(words.length ? "Servers: " + words.join(", ") + (listened.length > 40 ? " and " + (listened.length - 40) + " more." : ".") : "")));
}

// --- tables ---

function table(id, rows, columns, note) {
	const section = byId(id);
	if (!rows.length) { section.append(make("p", { class: "muted" }, "None.")); return; }
	const build = some => make("tbody", {}, ...some.map(row => make("tr", {}, ...columns.map(([, value, kind]) => {
		const cell = value(row);
		return make("td", { class: kind }, cell === undefined ? "" : cell);
	}))));
	const whole = make("table", {}, make("thead", {}, make("tr", {}, ...columns.map(([name, , kind]) => make("th", { class: kind === "n" ? "n" : undefined }, name)))), build(rows.slice(0, 15)));
	section.append(make("div", { class: "scroll" }, whole));
	if (rows.length > 15) {
		const more = make("button", { class: "more", type: "button" }, "Show all " + rows.length);
		more.onclick = () => { whole.tBodies[0].replaceWith(build(rows)); more.remove(); };
		section.append(more);
	}
	if (note) section.append(make("p", { class: "note" }, note));
}

const beyond = part => part.total > part.top.length || part.other ? "The first " + part.top.length + " of " + group(part.total) +
	(part.other ? "; " + plural(part.other, "record") + " of names beyond those that are kept" : "") + "." : "";

function tables() {
	const latency = row => row.latencies ? duration(Math.round(row.latency_us_sum / row.latencies)) : "";
	table("times", [["connections last", data.durations_us], ["connects take", data.connect_latency_us], ["wait for accept", data.accept_wait_us]].filter(row => row[1].count), [
		["", row => row[0]], ["count", row => group(row[1].count), "n"], ["50 %", row => duration(row[1].p50), "n"], ["90 %", row => duration(row[1].p90), "n"],
		["99 %", row => duration(row[1].p99), "n"], ["99.9 %", row => duration(row[1].p999), "n"], ["longest", row => duration(row[1].max), "n"]]);
	const most = Math.max(1, ...data.ended.top.map(row => row.count));
	table("ended", data.ended.top, [["how", row => row.reason],
		["", row => make("span", { class: "meter", style: "--share:" + (row.count / most).toFixed(3) })], ["sockets", row => group(row.count), "n"],
		["clients", row => group(row.client), "n"], ["servers", row => group(row.server), "n"], ["listeners", row => group(row.listener), "n"], ["UDP", row => group(row.datagram), "n"]]);
	table("processes", data.processes.top, [["process", row => row.comm], ["records", row => group(row.records), "n"], ["connects", row => group(row.connects), "n"],
		["accepts", row => group(row.accepts), "n"], ["failed", row => group(row.failed), "n"], ["sent", row => bytes(row.tx_bytes), "n"], ["received", row => bytes(row.rx_bytes), "n"],
		["executable", row => row.exe || ""]], beyond(data.processes));
	const served = data.ports.top.filter(row => row.listens || row.accepts || row.failed || row.process);
	table("services", served, [["port", row => row.port + (data.services[row.port] ? " " + data.services[row.port] : "")], ["process", row => row.process || ""], ["accepts", row => group(row.accepts), "n"],
		["failed", row => group(row.failed), "n"], ["sent", row => bytes(row.tx_bytes), "n"], ["received", row => bytes(row.rx_bytes), "n"]]);
	table("destinations", data.destinations.top, [["destination", row => row.destination], ["by", row => row.process || ""], ["connects", row => group(row.connects + row.peers), "n"],
		["failed", row => group(row.failed), "n"], ["mean latency", latency, "n"], ["slowest", row => row.latencies ? duration(row.latency_us_max) : "", "n"],
		["sent", row => bytes(row.tx_bytes), "n"], ["received", row => bytes(row.rx_bytes), "n"]], beyond(data.destinations));
}

// --- lives: search and sort; both are in the address behind "#", so that a view can be kept ---

const FINE = ["local-close", "remote-close", "closed", "unused"];
const end = (addr, port) => addr || port ? (addr.includes(":") ? "[" + addr + "]" : addr || "*") + ":" + (port || "*") : "\u2013";
const COLUMNS = [
	{ key: "ended", name: "ended", value: row => row[0], text: row => moment(row[0]) },
	{ key: "process", name: "process", value: row => row[2], text: row => row[2] },
	{ key: "proto", name: "proto", value: row => row[3], text: row => row[3] },
	{ key: "role", name: "role", value: row => row[4], text: row => row[4] },
	{ key: "local", name: "local", value: row => end(row[5], row[6]), text: row => end(row[5], row[6]) },
	{ key: "remote", name: "remote", value: row => end(row[7], row[8]), text: row => end(row[7], row[8]) },
	{ key: "duration", name: "lasted", value: row => row[9], text: row => duration(row[9]), kind: "n" },
	{ key: "sent", name: "sent", value: row => row[10], text: row => bytes(row[10]), kind: "n" },
	{ key: "received", name: "received", value: row => row[11], text: row => bytes(row[11]), kind: "n" },
	{ key: "reason", name: "how it ended", value: row => row[12], text: row => row[12] + (row[13] ? ", TIME_WAIT" : "") },
	{ key: "socket", name: "socket", value: row => BigInt(row[1]), text: row => "sk:" + BigInt(row[1]).toString(16) },
];
const PAGE = 100;

function lives() {
	const section = byId("lives"), seen = new Set(), all = [];
	for (const row of data.lives.concat(data.failed_lives || []))
		if (!seen.has(row[0] + " " + row[1])) { seen.add(row[0] + " " + row[1]); all.push(row); }
	const texts = new Map(all.map(row => [row, COLUMNS.map(c => c.text(row)).join(" ").toLowerCase()]));
	const search = make("input", { type: "search", placeholder: "Search: process, address, port, reason", "aria-label": "Search lives" });
	const count = make("span", { class: "muted", id: "lives-count" });
	const heads = COLUMNS.map(c => {
		const button = make("button", { type: "button" }, c.name);
		button.onclick = () => { state.down = state.sort === c.key ? !state.down : c.kind === "n"; state.sort = c.key; keep(); };
		return make("th", { class: c.kind, "data-key": c.key }, button);
	});
	const whole = make("table", { id: "lives-table" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}));
	const more = make("button", { class: "more", type: "button" }, "Show more");
	const state = { q: "", sort: "ended", down: false, shown: PAGE };

	function render() {
		const words = state.q.toLowerCase().split(/\s+/).filter(w => w), column = COLUMNS.find(c => c.key === state.sort) || COLUMNS[0];
		const rows = all.filter(row => words.every(w => texts.get(row).includes(w)));
		rows.sort((a, b) => { const x = column.value(a), y = column.value(b); return (x < y ? -1 : x > y ? 1 : 0) * (state.down ? -1 : 1); });
		whole.tBodies[0].replaceChildren(...rows.slice(0, state.shown).map(row => make("tr", {}, ...COLUMNS.map(c =>
			make("td", { class: c.key === "reason" && !FINE.includes(row[12]) ? "bad" : c.kind }, c.text(row))))));
		heads.forEach(th => th.dataset.key === column.key ? th.setAttribute("aria-sort", state.down ? "descending" : "ascending") : th.removeAttribute("aria-sort"));
		count.textContent = words.length ? plural(rows.length, "life").replace("lifes", "lives") + " of " + group(all.length) : plural(all.length, "life").replace("lifes", "lives");
		whole.dataset.rows = rows.length;
		more.hidden = rows.length <= state.shown;
	}
	function load() {
		const asked = new URLSearchParams(location.hash.slice(1));
		state.q = asked.get("q") || ""; state.sort = asked.get("sort") || "ended"; state.down = asked.get("down") === "1"; state.shown = PAGE;
		if (search.value !== state.q) search.value = state.q;
		render();
	}
	function keep() {
		const hash = new URLSearchParams();
		if (state.q) hash.set("q", state.q);
		if (state.sort !== "ended") hash.set("sort", state.sort);
		if (state.down) hash.set("down", "1");
		try { history.replaceState(null, "", "#" + hash); } catch (e) { /* some browsers do not let file:// do that: the view works all the same */ }
		state.shown = PAGE;
		render();
	}
	search.oninput = () => { state.q = search.value; keep(); };
	more.onclick = () => { state.shown += 5 * PAGE; render(); };
	addEventListener("hashchange", load);
	if (data.lives_total > data.lives.length)
		section.append(make("p", { class: "note", id: "aggregated" }, group(data.lives.length) + " of " + group(data.lives_total) + " lives are in this page, evenly chosen" +
			(data.failed_lives ? ", and " + group(data.failed_lives.length) + " of the " + group(data.failed_total) + " that went wrong" : "") +
			". All numbers above are of the whole log. socklife report --socket ID LOG prints any life."));
	section.append(make("div", { class: "tools" }, search, count), make("div", { class: "scroll" }, whole), more);
	load();
}

head(); coverage(); tiles(); findings(); timeline(); portSpace(); ephemeral(); queues(); tables(); lives();
byId("footer").textContent = "Made by socklife from " + plural(data.records_in_log, "record") + ". This page needs no network: all of it is in this file.";
document.documentElement.dataset.ready = "yes";
})();
