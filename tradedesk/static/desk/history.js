// Profit and loss over time: lines of amounts, a gap where nothing was told.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const canvas = document.getElementById("history");
    if (!canvas) {
        return;
    }
    const facts = JSON.parse(document.getElementById("history-data").textContent);
    const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const zone = document.querySelector(".desk-zone")?.textContent.replace("Times: ", "");
    const form = facts.long ? { month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit" } : { hour: "2-digit", minute: "2-digit" };
    const clock = new Intl.DateTimeFormat("en-GB", { ...form, timeZone: zone });
    const line = (label, data, name, dash) => ({
        label, data, borderColor: color(name), backgroundColor: color(name), borderWidth: 2, borderDash: dash,
        pointRadius: data.length > 60 ? 0 : 2,
    });
    const sets = [
        line("today", facts.daily, "--s-alive", []),
        line("unrealized", facts.unrealized, "--s-sell", [5, 4]),
        line("realized", facts.realized, "--s-done", [2, 2]),
    ];
    const soft = color("--s-soft");
    new Chart(canvas, {
        type: "line",
        data: { labels: facts.at.map((at) => clock.format(at * 1000)), datasets: sets },
        options: {
            animation: false, maintainAspectRatio: false,
            scales: { x: { ticks: { color: soft, maxTicksLimit: 10, maxRotation: 0 }, grid: { display: false } }, y: { ticks: { color: soft, maxTicksLimit: 6 } } },
            plugins: { legend: { labels: { color: soft, boxWidth: 14 } } },
        },
    });
});
