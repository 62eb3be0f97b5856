// One connection to the event stream per browser, shared by all tabs: six per host is all that HTTP/1.1 gives.
"use strict";

const tabs = new Set();
let source = null;
let opened = false; // and nothing heard yet
let place = ""; // in the events, up to which all was heard

self.onconnect = ({ ports: [tab] }) => {
    tabs.add(tab);
    tab.onmessage = ({ data }) => (data.bye ? tabs.delete(tab) : greet(tab, data));
    tab.start();
};

/**
 * The first tab has us listen from the place at which its page was made: between two pages of one tab
 * nobody listens, and a fill of that moment must be told. A later tab has missed news of the rows alone.
 */
function greet(tab, page) {
    if (source) {
        tab.postMessage({ kind: "open" });
        return;
    }
    place = page.place;
    listen(page.url);
}

/** The first thing heard says that the server has taken our place in the events; rows may be older than it. */
function heard(event, message) {
    place = event.lastEventId || place;
    if (opened) {
        opened = false;
        tell({ kind: "open" });
    }
    tell(message);
}

/** Every tab hears of it; the newest, which is there most surely, is to tell the person. */
function tell(message) {
    const newest = [...tabs].at(-1);
    tabs.forEach((tab) => tab.postMessage({ ...message, tells: tab === newest }));
}

function listen(url) {
    source = new EventSource(`${url}?last_event_id=${place}`, { withCredentials: true });
    source.addEventListener("order", (event) => {
        const told = JSON.parse(event.data);
        heard(event, { ...told, what: told.kind, kind: "order" });
    });
    source.addEventListener("heartbeat", (event) => heard(event, { kind: "beat", at: JSON.parse(event.data).at }));
    source.addEventListener("reset", (event) => heard(event, { kind: "reset" }));
    source.onopen = () => (opened = true);
    source.onerror = () => {
        // EventSource tries again by itself unless the server refused, as it does when the login has ended.
        if (source.readyState === EventSource.CLOSED) {
            setTimeout(() => listen(url), 3000);
        }
    };
}
