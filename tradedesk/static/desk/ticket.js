// The ticket: fields of the chosen type, instruments, checks while typing, one confirmation.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("ticket");
    if (!form) {
        return;
    }
    const by = (id) => document.getElementById(id);
    const kinds = JSON.parse(by("kinds").textContent);
    const works = JSON.parse(by("work-fields").textContent);
    const special = JSON.parse(by("kind-fields").textContent);
    const field = (name) => form.elements[name];
    const get = (url) => fetch(url, { headers: { "X-Desk-Live": "1" } }).then((answer) => answer.json()).catch(() => ({}));
    let timer = null;
    let asked = 0;
    let problem = ""; // what the broker said when it was asked

    function showFields() {
        const wanted = kinds[field("ord_type").value] || [];
        special.forEach((name) => { const box = form.querySelector(`[data-field="${name}"]`); if (box) { box.hidden = !wanted.includes(name); } });
        const derived = { FUT: ["maturity"], OPT: ["maturity", "strike_price", "put_or_call"] }[field("sec_type").value.toUpperCase()] || [];
        ["maturity", "strike_price", "put_or_call"].forEach((name) => { form.querySelector(`[data-field="${name}"]`).hidden = !derived.includes(name); });
        Object.entries(works).forEach(([work, names]) => names.forEach((name) => { form.querySelector(`[data-field="${name}"]`).hidden = work !== field("work").value; }));
        form.dataset.side = form.querySelector("[name=side]:checked")?.value || "";
    }

    async function check() {
        const mine = ++asked;
        renewToken(form);
        const answer = await fetch(form.dataset.check, { method: "POST", body: new FormData(form), headers: { "X-Desk-Live": "1" } }).catch(() => null);
        if (mine !== asked) {
            return; // typed on meanwhile
        }
        if (!answer?.ok) {
            by("check").textContent = answer?.status === 401 ? await answer.text() : "The check did not answer; nothing was sent.";
            by("review").disabled = true;
            return;
        }
        by("check").innerHTML = await answer.text();
        form.querySelectorAll("[data-error]").forEach((place) => {
            const name = place.dataset.error;
            const text = by("check").querySelector(`[data-error-of="${name}"]`)?.textContent || "";
            place.textContent = field(name)?.value || form.dataset.tried ? text : "";
        });
        by("review").disabled = !by("check").querySelector("[data-good]");
    }

    /** Margin and commission by the broker; the order can be sent without waiting for them. */
    async function whatIf() {
        by("what-if").textContent = "Asking the broker for margin and commission…";
        const answer = await fetch(form.dataset.whatIf, { method: "POST", body: new FormData(form), headers: { "X-Desk-Live": "1" } }).catch(() => null);
        by("what-if").innerHTML = answer?.ok || answer?.status === 401 ? await answer.text() : "The broker was not asked.";
        by("send").disabled = answer?.status === 401 || Boolean(form.dataset.sent);
    }

    function shown(found) {
        const ask = by("ask");
        ask.hidden = Boolean(found?.known) || !field("symbol").value;
        Market.show(by("market"), found?.known ? `${found.market}?ticket=1` : "");
        if (!found) {
            by("quote").textContent = field("symbol").value ? problem || "Not known here. The broker may know it." : "Type a symbol.";
            return;
        }
        const place = by("quote");
        place.textContent = `${found.symbol} ${found.sec_type} ${found.exchange} ${found.currency} ${found.name}${found.tick ? `, tick ${found.tick}` : ""} `;
        if (found.known) {
            place.append(found.last === "–" ? "" : `last price kept: ${found.last}`);
        } else {
            place.append(found.error || "The broker is being asked…");
        }
    }

    const key = () => new URLSearchParams(["symbol", "sec_type", "exchange", "currency"].map((name) => [name, field(name).value.toUpperCase()]));
    const quote = async () => document.hidden || shown((await get(`${form.dataset.quote}?${key()}`)).found);

    async function search() {
        const { found = [] } = await get(`${form.dataset.search}?q=${encodeURIComponent(field("symbol").value)}&account=${encodeURIComponent(field("account").value)}`);
        by("symbols").replaceChildren(...found.map((each) => Object.assign(document.createElement("option"), { value: each.symbol, label: `${each.name} ${each.sec_type} ${each.exchange} ${each.currency}` })));
        const same = found.filter((each) => each.symbol === field("symbol").value.toUpperCase());
        if (same.length === 1) {
            ["sec_type", "exchange", "currency"].forEach((name) => { field(name).value = same[0][name]; });
        }
        await quote();
    }

    form.addEventListener("input", (event) => {
        Draft.keep(form);
        showFields();
        problem = "";
        if (["symbol", "account"].includes(event.target.name)) {
            search();
        }
        clearTimeout(timer);
        by("review").disabled = true;
        timer = setTimeout(check, 250);
    });
    by("ask").addEventListener("click", async () => {
        by("quote").textContent = "Asking the broker…";
        const answer = await fetch(form.dataset.ask, { method: "POST", body: new FormData(form) }).then((each) => each.json()).catch(() => ({ error: "The broker was not asked." }));
        problem = answer.error || "";
        await quote();
        check();
    });
    by("review").addEventListener("click", () => {
        const text = by("check").querySelector("[data-good]");
        by("confirm-text").innerHTML = by("check").innerHTML;
        by("send").textContent = `${document.querySelector(".desk-mode")?.textContent || ""}: ${text.dataset.button}`;
        by("confirm").showModal();
        whatIf();
    });
    // Enter in a field checks; only the button of the dialog sends.
    form.addEventListener("submit", (event) => {
        if (!by("confirm").open) {
            event.preventDefault();
            form.dataset.tried = "1";
            check();
        } else {
            Draft.keep(form, true);
        }
    });
    by("empty").addEventListener("click", () => { Draft.drop(); location.assign(location.pathname); });
    addEventListener("pageshow", () => { delete form.dataset.sent; by("send").disabled = false; });
    setInterval(quote, 1000);
    Draft.restore(form);
    showFields();
    search();
    check();
});
