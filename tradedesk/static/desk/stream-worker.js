// One connection to the event stream per browser, shared by all tabs: six per host is all that HTTP/1.1 gives.
"use strict";

const tabs = new Set();
let source = null;

self.onconnect = ({ ports: [tab] }) => {
    tabs.add(tab);
    tab.onmessage = ({ data }) => (data.bye ? tabs.delete(tab) : source || listen(data.url));
    tab.start();
};

function tell(message) {
    tabs.forEach((tab) => tab.postMessage(message));
}

function listen(url) {
    source = new EventSource(url, { withCredentials: true });
    source.addEventListener("order", (event) => tell({ ...JSON.parse(event.data), kind: "order" }));
    source.addEventListener("heartbeat", (event) => tell({ kind: "beat", at: JSON.parse(event.data).at }));
    source.addEventListener("reset", () => tell({ kind: "reset" }));
    source.onopen = () => tell({ kind: "open" });
    source.onerror = () => {
        // EventSource tries again by itself unless the server refused, as it does when the login has ended.
        if (source.readyState === EventSource.CLOSED) {
            setTimeout(() => listen(url), 3000);
        }
    };
}
