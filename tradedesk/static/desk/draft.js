// What is typed into a ticket outlives the login in which it was typed: in this tab, for the same person, until it is sent.
"use strict";

const Draft = {
    NAME: "deskTicket",

    /** Who sees this page, by which login; undefined on a page that shows nobody's. */
    now: () => document.getElementById("desk-frame")?.dataset || {},

    kept() {
        try {
            return JSON.parse(sessionStorage.getItem(Draft.NAME));
        } catch {
            return null; // not ours, whatever it is
        }
    },

    /** The ticket as it is; what its answers brought (warnings to override) is asked again. */
    keep(form, sent = false) {
        const { person, login } = Draft.now();
        const typed = [...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken" && !name.startsWith("override_"));
        sessionStorage.setItem(Draft.NAME, JSON.stringify({ person, login, sent, place: location.search, typed }));
    },

    drop: () => sessionStorage.removeItem(Draft.NAME),

    /** Gone with another person, and once it was sent or left by the login in which it was typed. */
    sweep() {
        const { person, login } = Draft.now();
        const draft = person && Draft.kept();
        if (draft && (draft.person !== person || draft.login === login)) {
            Draft.drop();
        }
    },

    /** Type it again into an empty ticket, or one like that in which it was typed: with its key, so it still counts once. */
    restore(form) {
        Draft.sweep();
        const draft = Draft.kept();
        if (!draft || (location.search && location.search !== draft.place)) {
            return;
        }
        const typed = new Map(draft.typed);
        for (const field of form.querySelectorAll("[name]")) {
            if (field.type === "radio") {
                field.checked = typed.get(field.name) === field.value;
            } else if (typed.has(field.name) && (!field.options || [...field.options].some((option) => option.value === typed.get(field.name)))) {
                field.value = typed.get(field.name);
            }
        }
        const sent = "It was being sent when your login ended: look whether its order is there. The same ticket counts once.";
        document.getElementById("kept-text").textContent = `What you had typed before your login ended is back. ${draft.sent ? sent : "Nothing was sent."}`;
        document.getElementById("kept").hidden = false;
        Draft.keep(form, draft.sent);
    },
};

document.addEventListener("DOMContentLoaded", () => document.getElementById("ticket") || Draft.sweep());
