// Dialogs before a change, no second click, keys. Without this script links open pages and forms still post.
"use strict";

// Times are UTC until the person asks for their own zone; the choice stays in this browser.
document.addEventListener("click", (event) => {
    if (event.target.id === "desk-zone") {
        const zone = event.target.dataset.zone === "UTC" ? Intl.DateTimeFormat().resolvedOptions().timeZone : "UTC";
        document.cookie = `desk_zone=${zone};path=/admin/;max-age=31536000;samesite=lax`;
        location.reload();
    }
});

// Tables need the width: the sidebar begins shut, and stays as the person leaves it.
localStorage.getItem("sidebarDesktopOpen") ?? localStorage.setItem("sidebarDesktopOpen", "0");

// The admin's theme writes the file's name into a text field beside it and fails where there is none; the browser shows it anyway.
document.addEventListener("change", (event) => {
    const input = event.target;
    if (input.type === "file" && !input.parentNode?.parentNode?.parentNode?.querySelector("input[type=text]")) {
        event.stopPropagation();
    }
}, true);

// A part that is wider than its place scrolls sideways, and keys reach it while it does.
function reachScrollers() {
    for (const box of document.querySelectorAll(".desk-wide, .desk-section, .desk-card")) {
        box.scrollWidth > box.clientWidth ? box.setAttribute("tabindex", "0") : box.removeAttribute("tabindex");
    }
}
["load", "resize", "focusin"].forEach((name) => addEventListener(name, reachScrollers));
let reaching = 0; // an answer that came may have widened a part
addEventListener("load", () => new MutationObserver(() => {
    reaching ||= requestAnimationFrame(() => { reaching = 0; reachScrollers(); });
}).observe(document.body, { childList: true, subtree: true }));

// The admin's chooser of many names its pictures without saying that they are pictures.
addEventListener("load", () => setTimeout(() => {
    document.querySelectorAll("span.help-tooltip[aria-label]").forEach((picture) => picture.setAttribute("role", "img"));
}));

let opening = false; // a second click opens no second dialog

async function openDialog(url) {
    if (opening || document.querySelector("dialog[open]")) {
        return;
    }
    opening = true;
    const answer = await fetch(url, { headers: { "X-Desk-Live": "1" }, redirect: "follow" }).catch(() => null);
    opening = false;
    if (!answer?.ok) {
        location.href = url; // the page says what is wrong
        return;
    }
    const holder = document.createElement("div");
    holder.innerHTML = await answer.text();
    const dialog = holder.querySelector("dialog");
    document.body.append(dialog);
    dialog.addEventListener("close", () => dialog.remove());
    nameTheWayBack(dialog);
    dialog.showModal();
}

function nameTheWayBack(dialog) {
    const next = dialog.querySelector("input[name=next]");
    if (next && !next.value) {
        next.value = location.pathname + location.search;
    }
}

// What was typed stays while it is refused: the dialog shows the same form again with the words.
async function sendDialog(form) {
    renewToken(form);
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Desk-Live": "1" } }).catch(() => null);
    if (answer?.headers.has("X-Desk-Next")) {
        location.href = answer.headers.get("X-Desk-Next");
        return;
    }
    const said = answer ? await answer.text() : "";
    const holder = document.createElement("div");
    holder.innerHTML = said;
    const again = holder.querySelector("dialog form");
    if (again) {
        const dialog = form.closest("dialog");
        form.replaceWith(again);
        nameTheWayBack(dialog);
        again.querySelector(".desk-error")?.scrollIntoView();
        return;
    }
    delete form.dataset.sent;
    form.querySelector("[type=submit]").disabled = false;
    form.querySelector(".no-answer")?.remove();
    const words = answer?.status === 401 ? said : "No answer came. Look at the order before you try again; the same dialog counts once.";
    form.querySelector(".buttons").before(Object.assign(document.createElement("p"), { className: "desk-error no-answer", role: "alert", textContent: words }));
}

// After a login in another tab the form's own token is too old; the cookie has the one in force.
function renewToken(form) {
    const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
    if (token && form.elements.csrfmiddlewaretoken) {
        form.elements.csrfmiddlewaretoken.value = token[1];
    }
}

// The buttons of a hundred rows are sent without words: who cannot see the row hears them with the order's name.
addEventListener("DOMContentLoaded", () => {
    const words = { ".action-select": "Select", "[data-peek]": "Fills of", "[data-replace]": "Replace", "[data-cancel]": "Cancel" };
    document.querySelectorAll("tr[data-id]").forEach((row) => {
        const link = row.querySelector("th a");
        for (const [button, word] of Object.entries(words)) {
            row.querySelector(`td > ${button}`)?.setAttribute("aria-label", `${word} ${link.title || link.textContent}`);
        }
    });
});

// The buttons of a hundred rows carry no address: an order's acts lie beside the address of the rows.
function dialogOf(opener) {
    if (opener.dataset.dialogUrl) {
        return opener.dataset.dialogUrl;
    }
    const act = ["peek", "replace", "cancel"].find((name) => name in opener.dataset);
    const rows = new URL(opener.closest("table").dataset.rowsUrl, location);
    return new URL(`../${opener.closest("tr").dataset.id}/${act}/`, rows).pathname;
}

document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog-url], tr[data-id] > .stay > button");
    if (opener && !opener.disabled) {
        event.preventDefault();
        openDialog(dialogOf(opener));
        return;
    }
    const local = event.target.closest("[data-open]");
    if (local) {
        document.getElementById(local.dataset.open).showModal();
    }
    const toggle = event.target.closest("[data-toggle]");
    if (toggle) {
        const open = toggle.ariaExpanded !== "true";
        toggle.ariaExpanded = open;
        document.querySelectorAll(`tr[data-of="${toggle.dataset.toggle}"]`).forEach((row) => { row.hidden = !open; });
    }
    const mover = event.target.closest("[data-move]");
    if (mover) {
        const item = mover.closest("li");
        mover.dataset.move === "1" ? item.nextElementSibling?.after(item) : item.previousElementSibling?.before(item);
        mover.focus();
    }
    const closer = event.target.closest("[data-close]");
    if (closer) {
        const dialog = closer.closest("dialog");
        dialog ? dialog.close() : history.back();
    }
});

document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.defaultPrevented || !button || !button.classList.contains("desk-button")) {
        return; // Enter in the ticket presses its Send, which the ticket itself has kept from being pressed
    }
    if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) {
        event.preventDefault();
        return;
    }
    if (event.target.dataset.sent) {
        event.preventDefault();
        return;
    }
    event.target.dataset.sent = "1";
    if (event.target.closest("dialog[data-stays]")) {
        event.preventDefault();
        sendDialog(event.target);
    }
    // After the form's data was taken: a disabled button would not be part of it.
    setTimeout(() => { button.disabled = true; }, 0);
});

// Keys work while no field and no dialog has the focus; none of them sends anything by itself.
const Keys = {
    pages: { d: "/admin/", b: "/admin/orders/order/?view=open", t: "/admin/desk/ticket/", p: "/admin/brokers/position/", s: "/admin/brokers/gatewaysession/", e: "/admin/orders/execution/" },
    row: null,

    press(event) {
        if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog") || document.querySelector("dialog[open]")) {
            return;
        }
        const go = Keys.going && Keys.pages[event.key];
        Keys.going = event.key === "g";
        if (go) {
            location.href = go;
        } else if (Keys.acts[event.key]) {
            Keys.acts[event.key](event);
        }
    },

    move(event, step) {
        const rows = [...document.querySelectorAll(".desk-table tbody tr[data-id]:not([hidden])")];
        if (!rows.length) {
            return;
        }
        event.preventDefault();
        const at = rows.indexOf(Keys.row);
        Keys.row?.classList.remove("here");
        Keys.row = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
        Keys.row.classList.add("here");
        Keys.row.scrollIntoView({ block: "nearest" });
    },

    inRow: (selector) => Keys.row?.querySelector(selector),
};

Keys.acts = {
    j: (event) => Keys.move(event, 1),
    k: (event) => Keys.move(event, -1),
    ArrowDown: (event) => Keys.row && Keys.move(event, 1),
    ArrowUp: (event) => Keys.row && Keys.move(event, -1),
    Enter: (event) => event.target === document.body && Keys.inRow("th a")?.click(),
    x: () => Keys.inRow(".action-select")?.click(),
    c: () => (Keys.inRow("button[data-cancel]") || document.querySelector("button[data-cancel]:not(td *)"))?.click(),
    r: () => (Keys.inRow("button[data-replace]") || document.querySelector("[data-act=replace]"))?.click(),
    n: () => document.getElementById("desk-pill")?.click(),
    ".": () => Keys.inRow("[data-peek]")?.click(),
    f: () => document.querySelector("[x-on\\:click^='filterOpen']")?.click(),
    "?": () => document.getElementById("desk-keys")?.showModal(),
};

// Hints until the person has read them, in this browser.
document.addEventListener("DOMContentLoaded", () => {
    const hints = document.getElementById("desk-hints");
    if (hints && !localStorage.getItem("deskHintsRead")) {
        hints.hidden = false;
    }
    document.getElementById("desk-hints-close")?.addEventListener("click", () => {
        localStorage.setItem("deskHintsRead", "1");
        hints.hidden = true;
    });
});

document.addEventListener("keydown", Keys.press);
document.addEventListener("click", (event) => event.target.id === "desk-pill" && location.reload());
