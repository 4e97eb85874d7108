"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const root = document.documentElement;

  // Colour scheme: what the system prefers until the button is used.
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // Sorting the network table by the exact number in data-v, else by text.
  const table = document.getElementById("network-table");
  const body = table.tBodies[0];
  const heads = all("thead th", table);
  const value = (row, column, numeric) => {
    const cell = row.cells[column];
    const raw = cell.dataset.v ?? cell.textContent;
    return numeric ? Number(raw) : raw;
  };
  const sortTable = (column) => {
    const head = heads[column];
    const numeric = head.dataset.kind === "number";
    const sorted = head.getAttribute("aria-sort");
    const down = sorted === "none" ? numeric : sorted === "ascending";
    heads.forEach((h) => { h.setAttribute("aria-sort", "none"); });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].sort((a, b) => {
      const x = value(a, column, numeric), y = value(b, column, numeric);
      const order = numeric ? x - y : x.localeCompare(y, "en", { numeric: true });
      return down ? -order : order;
    });
    body.append(...rows);
  };
  heads.forEach((head, column) => head.addEventListener("click", () => sortTable(column)));

  // The layer bars: what they are split by, their scale, their order.
  all(".choice button").forEach((button) => button.addEventListener("click", () => {
    const choice = button.parentElement;
    all("button", choice).forEach((b) => b.setAttribute("aria-pressed", String(b === button)));
    const key = choice.dataset.key, wanted = button.dataset.value;
    document.getElementById(choice.dataset.target).dataset[key] = wanted;
    document.getElementById("by-layer").dataset[key] = wanted;
  }));
  const select = document.getElementById("layer-sort");
  select.addEventListener("change", () => {
    const key = select.value, bars = document.getElementById("layer-bars");
    const rows = all(".lrow:not(.head)", bars);
    rows.sort((a, b) => (Number(a.dataset[key]) - Number(b.dataset[key])) * (key === "order" ? 1 : -1));
    bars.append(...rows);
  });

  // Layer sections open when a link points at them, all at once on request, and for printing a single page.
  const reveal = () => {
    const target = location.hash.startsWith("#layer-") ? document.getElementById(location.hash.slice(1)) : null;
    if (target instanceof HTMLDetailsElement) { target.open = true; target.scrollIntoView({ block: "start" }); }
  };
  addEventListener("hashchange", reveal);
  all('a[href^="#layer-"]').forEach((link) => link.addEventListener("click", () => setTimeout(reveal)));
  all("[data-open]").forEach((button) => button.addEventListener("click", () => {
    all("details.layer").forEach((d) => { d.open = button.dataset.open === "all"; });
  }));
  reveal();

  // Tooltips: the titles of bars and points, shown at once and in the page's own type.
  const tip = document.getElementById("tip");
  all(".bar i[title]").forEach((e) => { e.dataset.tip = e.title; e.removeAttribute("title"); });
  all("circle.point > title").forEach((e) => { e.parentElement.dataset.tip = e.textContent; e.remove(); });
  const show = (event) => {
    const holder = event.target.closest?.("[data-tip]");
    tip.hidden = !holder;
    if (!holder) return;
    tip.textContent = holder.dataset.tip;
    const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const y = event.clientY + 18 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : event.clientY + 18;
    tip.style.transform = `translate(${Math.max(4, x)}px, ${y}px)`;
  };
  addEventListener("mousemove", show);
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
})();
