// The dashboard's charts: unfold ships Chart.js, its own templates have no labels and redraw only on load.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const area = document.querySelector("[data-charts]");
    const data = document.getElementById("chart-data");
    if (!area || !data) {
        return;
    }
    const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const line = (key, label, dash) => ({
        key, label, type: "line", borderColor: color("--s-alive"), backgroundColor: color("--s-alive"),
        borderWidth: 2, borderDash: dash ? [5, 4] : [], pointRadius: 2, spanGaps: true,
    });
    const bars = (key, label, name) => ({ key, label, type: "bar", backgroundColor: color(name), stack: "orders" });
    const kinds = {
        orders: [bars("accepted", "accepted", "--s-alive"), bars("refused", "refused", "--s-bad"), bars("failed", "failed", "--s-over")],
        ours: [line("ours_p50", "p50"), line("ours_p99", "p99", true)],
        broker: [line("broker_p50", "p50"), line("broker_p99", "p99", true)],
    };
    const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: document.querySelector(".desk-zone")?.textContent.replace("Times: ", "") });

    const options = (name) => ({
        animation: false, maintainAspectRatio: false,
        scales: {
            x: { stacked: name === "orders", ticks: { color: color("--s-soft"), maxTicksLimit: 8, maxRotation: 0 }, grid: { display: false } },
            y: { stacked: name === "orders", beginAtZero: name === "orders", type: name === "orders" ? "linear" : "logarithmic", ticks: { color: color("--s-soft"), maxTicksLimit: 6 } },
        },
        plugins: { legend: { labels: { color: color("--s-soft"), boxWidth: 14 } } },
    });

    function draw(facts) {
        const labels = facts.at.map((at) => clock.format(at * 1000));
        for (const [name, sets] of Object.entries(kinds)) {
            const canvas = document.getElementById(`chart-${name}`);
            const chart = Chart.getChart(canvas) || new Chart(canvas, { data: { datasets: sets.map((set) => ({ ...set, data: [] })) }, options: options(name) });
            chart.data.labels = labels;
            chart.data.datasets.forEach((set) => { set.data = facts[set.key]; });
            chart.update("none");
            const words = sets.map((set) => `${set.label} ${facts[set.key].filter((v) => v !== null).at(-1) ?? "none"}`).join(", ");
            canvas.setAttribute("aria-label", `${name}, latest: ${words}`);
            document.getElementById(`chart-${name}-says`).textContent = `per ${facts.minutes} min; latest: ${words}`;
        }
    }

    draw(JSON.parse(data.textContent));
    let waiting = false;
    document.addEventListener("desk:news", () => {
        if (waiting) {
            return;
        }
        waiting = true;
        setTimeout(async () => {
            waiting = false;
            const answer = document.hidden ? null : await fetch(area.dataset.charts, { headers: { "X-Desk-Live": "1" } }).catch(() => null);
            answer?.ok && draw(await answer.json());
        }, 5000);
    });
});
