// Dialogs before a change, and no second click. Without this script the buttons still post.
"use strict";

document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
        event.preventDefault();
        document.getElementById(opener.dataset.dialog).showModal();
    }
    const closer = event.target.closest("[data-close]");
    if (closer) {
        closer.closest("dialog").close();
    }
});

document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || !button.classList.contains("desk-button")) {
        return;
    }
    if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) {
        event.preventDefault();
        return;
    }
    // After the form's data was taken: a disabled button would not be part of it.
    setTimeout(() => { button.disabled = true; }, 0);
});
