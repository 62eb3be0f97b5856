// Fills, refusals and doubt are told as the person has chosen: by a sound, by a notice of the desktop.
// The worker names one tab that tells; a burst is told once.
"use strict";

const Notices = {
    COLLECT: 1200, // ms
    waiting: {}, // by notice: ids of orders
    ways: new Set(),

    /** Which events are to be told; asked once a page, when the first comes. */
    chosen() {
        const frame = document.getElementById("desk-frame");
        Notices.asked ||= fetch(frame.dataset.notices, { headers: { "X-Desk-Live": "1" }, redirect: "error" })
            .then((answer) => (answer.ok ? answer.json() : {}))
            .catch(() => { Notices.asked = null; return {}; });
        return Notices.asked;
    },

    async hear(event) {
        const told = (await Notices.chosen())[event.what];
        if (!told) {
            return;
        }
        (Notices.waiting[told.notice] ||= new Set()).add(event.order_id);
        told.ways.forEach((way) => Notices.ways.add(way));
        Notices.timer ||= setTimeout(Notices.tell, Notices.COLLECT);
    },

    async tell() {
        const [waiting, ways] = [Notices.waiting, Notices.ways];
        Object.assign(Notices, { timer: null, waiting: {}, ways: new Set() });
        ways.has("SOUND") && Notices.ring();
        if (ways.has("DESKTOP") && window.Notification?.permission === "granted") {
            const query = new URLSearchParams(Object.entries(waiting).map(([name, ids]) => [name, [...ids].join(",")]));
            const frame = document.getElementById("desk-frame");
            const answer = await fetch(`${frame.dataset.noticeWords}?${query}`, { headers: { "X-Desk-Live": "1" }, redirect: "error" }).catch(() => null);
            const said = answer?.ok ? await answer.json() : { title: "Orders have news", body: "" };
            said.title && new Notification(said.title, { body: said.body });
        }
    },

    /** Two short notes; a browser lets a page sound once somebody has pressed something on it. */
    ring() {
        Notices.audio ||= new AudioContext();
        const { audio } = Notices;
        audio.resume();
        [660, 880].forEach((pitch, at) => {
            const [note, volume] = [audio.createOscillator(), audio.createGain()];
            note.frequency.value = pitch;
            volume.gain.value = 0.15;
            note.connect(volume).connect(audio.destination);
            note.start(audio.currentTime + at * 0.15);
            note.stop(audio.currentTime + at * 0.15 + 0.12);
        });
    },
};

// The browser asks the person only when something is pressed.
document.addEventListener("change", (event) => {
    if (event.target.matches("[data-asks-desktop]") && event.target.checked && window.Notification?.permission !== "granted") {
        const words = document.getElementById("notices-refused");
        Promise.resolve(window.Notification?.requestPermission()).then((answer) => { words.hidden = answer === "granted"; });
    }
});
