// Quote and order book: asked for each second while somebody looks. Slots stay, only their texts change.
"use strict";

const Market = {
    EVERY: 1000, // ms
    url: "",

    /** Show another instrument's market in this place; an empty url shows nothing. */
    show(place, url) {
        if (Market.url !== url || (!url && !place.firstChild)) {
            Market.url = url;
            place.replaceChildren(url ? "" : "Choose an instrument.");
        }
        place.dataset.marketUrl = url;
    },

    async look() {
        const place = document.querySelector("[data-market-url]");
        const url = place?.dataset.marketUrl;
        if (!url || document.hidden) {
            return;
        }
        const page = await Live.fetch(url);
        const [news, here] = [page?.querySelector("[data-part=market]"), place.querySelector("[data-part=market]")];
        if (url !== place.dataset.marketUrl) {
            return; // another instrument was chosen meanwhile
        }
        if (!news) {
            place.querySelector("[data-c=condition]")?.replaceChildren("The desk does not answer. These prices may be old.");
        } else if (!here || here.className !== news.className) {
            place.replaceChildren(news);
        } else {
            Market.patch(here, news);
        }
    },

    patch(here, news) {
        news.querySelectorAll("[data-c]").forEach((cell) => {
            const old = here.querySelector(`[data-c="${cell.dataset.c}"]`);
            if (!old) {
                return;
            }
            old.innerHTML === cell.innerHTML || (old.innerHTML = cell.innerHTML);
            old.className = cell.className;
            cell.hasAttribute("value") && (old.value = cell.getAttribute("value"));
        });
    },
};

document.addEventListener("DOMContentLoaded", () => {
    setInterval(Market.look, Market.EVERY);
    Market.look();
});

// A price only fills the ticket; nothing is sent by it.
document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-px]");
    if (!button || !button.value) {
        return;
    }
    const price = document.getElementById("f-price");
    if (price) {
        price.value = button.value;
        price.dispatchEvent(new Event("input", { bubbles: true }));
        price.focus();
        return;
    }
    const ticket = document.getElementById("trade");
    if (ticket) {
        location.href = `${ticket.href}&price=${encodeURIComponent(button.value)}&side=${button.dataset.side}`;
    }
});
