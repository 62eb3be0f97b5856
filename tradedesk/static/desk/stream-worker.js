// One connection to the event stream per browser, shared by all tabs: six per host is all that HTTP/1.1 gives.
"use strict";

const tabs = new Set();
let source = null;
let opened = false; // and nothing heard yet

self.onconnect = ({ ports: [tab] }) => {
    tabs.add(tab);
    tab.onmessage = ({ data }) => (data.bye ? tabs.delete(tab) : greet(tab, data.url));
    tab.start();
};

/** A tab that comes later has missed what was told since its page was made. */
function greet(tab, url) {
    source ? tab.postMessage({ kind: "open" }) : listen(url);
}

/** The first thing heard says that the server has taken our place in the events; what was before it was missed. */
function heard(message) {
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
    source = new EventSource(url, { withCredentials: true });
    source.addEventListener("order", (event) => {
        const told = JSON.parse(event.data);
        heard({ ...told, what: told.kind, kind: "order" });
    });
    source.addEventListener("heartbeat", (event) => heard({ kind: "beat", at: JSON.parse(event.data).at }));
    source.addEventListener("reset", () => heard({ kind: "reset" }));
    source.onopen = () => (opened = true);
    source.onerror = () => {
        // EventSource tries again by itself unless the server refused, as it does when the login has ended.
        if (source.readyState === EventSource.CLOSED) {
            setTimeout(() => listen(url), 3000);
        }
    };
}
