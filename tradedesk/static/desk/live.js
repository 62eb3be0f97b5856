// What is shown follows what happens. The stream says what changed; the page asks the web process for it anew.
// Nothing moves under the cursor: only the text inside existing cells and parts is replaced.
"use strict";

const Live = {
    COLLECT: 400, // ms between the first news and the question
    STALE: 5000, // ms without a sign of life
    seen: performance.now(),
    offset: 0, // ms that the server's clock is ahead of ours
    changed: new Set(),

    start() {
        const frame = document.getElementById("desk-frame");
        if (!frame || !window.SharedWorker) {
            return;
        }
        const url = new URL(frame.dataset.stream);
        const loopback = ["127.0.0.1", "localhost"];
        if (loopback.includes(url.hostname) && loopback.includes(location.hostname)) {
            url.hostname = location.hostname; // another name would be another site, and the login would not go along
        }
        const worker = new SharedWorker(frame.dataset.worker);
        worker.port.onmessage = ({ data }) => Live.hear(data);
        worker.port.postMessage({ url: url.href, place: frame.dataset.streamPlace });
        addEventListener("pagehide", () => worker.port.postMessage({ bye: true }));
        addEventListener("pageshow", (event) => event.persisted && location.reload());
        document.addEventListener("visibilitychange", () => document.hidden || Live.news(null));
        setInterval(Live.tick, 1000);
        document.querySelectorAll("[data-live-first]").forEach((area) => Live.refresh(area, new Set(["*"])));
    },

    hear(message) {
        Live.seen = performance.now();
        if (message.kind === "beat") {
            Live.offset = Date.parse(message.at) - Date.now();
            Live.beat();
        } else if (message.kind === "order") {
            Live.news(message);
            message.tells && Notices.hear(message);
        } else {
            Live.news(null);
        }
        Live.tick();
    },

    /** Something changed: one order, or nobody knows what (null). */
    news(message) {
        Live.changed.add(message ? message.order_id : "*");
        document.dispatchEvent(new CustomEvent("desk:news", { detail: message }));
        Live.timer ||= setTimeout(Live.ask, Live.COLLECT);
    },

    /** What no order event tells of: the way to the broker. Without the stream it is asked for all the same. */
    beat() {
        document.querySelectorAll("[data-live-beat]").forEach((area) => Live.refresh(area, new Set(["*"])));
    },

    ask() {
        Live.timer = null;
        const changed = Live.changed;
        Live.changed = new Set();
        document.querySelectorAll("[data-live-url]").forEach((area) => Live.refresh(area, changed));
        Rows.refresh(changed);
    },

    /** Ask for an area again, at most every `data-live-every` ms; `data-live-order` limits it to one order. */
    refresh(area, changed) {
        const only = area.dataset.liveOrder;
        if (document.hidden || (only && !changed.has(only) && !changed.has("*")) || area.waiting) {
            return;
        }
        const every = Number(area.dataset.liveEvery || 1000);
        area.waiting = true;
        setTimeout(async () => {
            area.asked = performance.now();
            area.waiting = false; // what happens while the answer is on its way is asked for again
            const turn = area.turn = (area.turn || 0) + 1;
            const page = await Live.fetch(area.dataset.liveUrl);
            Live.unanswered = !page;
            if (page && turn > (area.shown || 0)) {
                area.shown = turn; // an older answer may arrive later
                Live.patch(page);
            }
        }, Math.max(0, (area.asked || -every) + every - performance.now()));
    },

    async fetch(url) {
        try {
            const answer = await fetch(url, { headers: { "X-Desk-Live": "1" }, redirect: "error" });
            Live.loggedOut = answer.status === 401;
            return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
        } catch {
            return null; // the indicator tells that the page is old
        }
    },

    patch(page) {
        const facts = Live.facts();
        page.querySelectorAll("[data-part]").forEach((part) => {
            document.querySelectorAll(`[data-part="${part.dataset.part}"]`).forEach((here) => {
                here.innerHTML === part.innerHTML || Live.replace(here, part);
            });
        });
        if (facts !== Live.facts()) {
            Live.news(null); // the way to the broker is another: whatever this page says of it is old
        }
        const count = document.querySelector("#desk-attention [data-count]")?.dataset.count;
        if (count !== undefined) {
            const title = document.title.replace(/^\s*\(\d+\)\s*/, "").trim();
            document.title = count === "0" ? title : `(${count}) ${title}`;
        }
    },

    facts: () => document.querySelector("[data-facts]")?.dataset.facts,

    /** New content, the focus where it was. */
    replace(here, part) {
        const focused = here.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
        here.innerHTML = part.innerHTML;
        if (focused) {
            here.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
        }
    },

    tick() {
        const silent = performance.now() - Live.seen;
        const stale = silent > Live.STALE || Boolean(Live.unanswered);
        stale && Live.beat();
        const text = document.getElementById("desk-live-text");
        const old = Live.unanswered ? "The desk does not answer." : `Not live for ${Math.floor(silent / 1000)} s.`;
        const words = Live.loggedOut ? "You are logged out: log in again" : stale ? `${old} What you see may be old.` : "Live";
        if (text && text.textContent !== words) {
            text.replaceChildren(Live.loggedOut ? Live.wayIn(words) : words);
        }
        document.documentElement.classList.toggle("desk-stale", stale);
        const now = (Date.now() + Live.offset) / 1000;
        document.querySelectorAll("[data-age]").forEach((cell) => {
            const shown = Live.age(now - Number(cell.dataset.age));
            cell.textContent === shown || (cell.textContent = shown);
        });
    },

    wayIn(words) {
        const here = encodeURIComponent(location.pathname + location.search);
        return Object.assign(document.createElement("a"), { href: `/admin/login/?next=${here}`, textContent: words });
    },

    age(seconds) {
        for (const [unit, name] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
            if (seconds >= unit) {
                return `${Math.floor(seconds / unit)} ${name}`;
            }
        }
        return `${Math.max(0, Math.floor(seconds))} s`;
    },
};

// Tables whose rows are orders: <table data-rows-url> with <tr data-id data-version><td data-c="name">.
// data-place is the place in the events at which the rows were read: from there we ask for what we did not hear.
const Rows = {
    fresh: new Set(),
    PRICES: 3000, // ms
    PRICED: '[data-c="last"], [data-c="bid"], [data-c="ask"], [data-c="distance"]',

    async refresh(changed) {
        const table = document.querySelector("table[data-rows-url]");
        if (!table || document.hidden) {
            return;
        }
        const rows = new Map([...table.querySelectorAll("tr[data-id]")].map((row) => [row.dataset.id, row]));
        const known = changed.has("*") ? [...rows.keys()] : [...changed].filter((id) => rows.has(id));
        Rows.tellNew([...changed].filter((id) => id !== "*" && !rows.has(id)));
        const after = changed.has("*") && table.dataset.place ? `&after=${table.dataset.place}` : "";
        if (known.length || after) {
            const ids = known.slice(0, 200).join(",");
            const page = await Live.fetch(`${table.dataset.rowsUrl}?ids=${ids}${after}`);
            page?.querySelectorAll("tr[data-id]").forEach((row) => Rows.patch(rows.get(row.dataset.id), row));
            page && after && Rows.catchUp(table, rows, page.querySelector("table[data-place]"));
        }
    },

    /** What happened after the rows were read and that nobody told us. */
    catchUp(table, rows, news) {
        const changed = news.dataset.changed.split(",");
        Rows.tellNew(changed.filter((id) => id && !rows.has(id)));
        table.dataset.place = news.dataset.place;
    },

    patch(row, news) {
        if (!row || Number(news.dataset.version) <= Number(row.dataset.version)) {
            return;
        }
        row.dataset.version = news.dataset.version;
        row.className = news.className;
        news.querySelectorAll("td[data-c]").forEach((cell) => {
            const here = row.querySelector(`td[data-c="${cell.dataset.c}"]`);
            if (here && here.innerHTML !== cell.innerHTML) {
                here.innerHTML = cell.innerHTML;
                here.classList.remove("flash");
                requestAnimationFrame(() => here.classList.add("flash"));
            }
        });
        row.toggleAttribute("data-alive", news.hasAttribute("data-alive"));
        for (const act of ["cancel", "replace"]) {
            const [button, wanted] = [row, news].map((each) => each.querySelector(`button[data-${act}]`));
            if (button) {
                button.disabled = !wanted || wanted.disabled;
            }
        }
    },

    /** The market moves without anything happening to an order: its cells are asked for by themselves. */
    async prices() {
        const table = document.querySelector("table[data-prices-url]");
        const alive = table ? [...table.querySelectorAll("tr[data-alive]")].slice(0, 200) : [];
        if (!alive.length || document.hidden || !table.querySelector(Rows.PRICED)) {
            return;
        }
        const ids = alive.map((row) => row.dataset.id).join(",");
        const answer = await fetch(`${table.dataset.pricesUrl}?ids=${ids}`, { headers: { "X-Desk-Live": "1" }, redirect: "error" }).catch(() => null);
        const told = answer?.ok ? await answer.json() : {};
        alive.forEach((row) => Object.entries(told[row.dataset.id] || {}).forEach(([name, text]) => {
            const cell = row.querySelector(`td[data-c="${name}"]`);
            cell && cell.innerHTML !== text && (cell.innerHTML = text);
        }));
    },

    /** New rows wait until a person wants them. */
    tellNew(ids) {
        ids.forEach((id) => Rows.fresh.add(id));
        const pill = document.getElementById("desk-pill");
        if (pill && Rows.fresh.size) {
            delete pill.dataset.empty;
            pill.textContent = `${Rows.fresh.size} new - show`;
        }
    },
};

document.addEventListener("DOMContentLoaded", () => {
    Live.start();
    setInterval(Rows.prices, Rows.PRICES);
});
