// Keys, figures and news for pages that work without any of it. Nothing here writes, and no text becomes markup.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);

  // Keys
  const dialog = one("#keys");
  const button = one("[data-keys]");
  const show = () => dialog.open ? dialog.close() : dialog.showModal();
  if (button) { button.hidden = false; button.addEventListener("click", show); }
  const rows = () => all("[data-row]");
  const chosen = () => rows().findIndex((row) => row.classList.contains("chosen"));
  const choose = (index) => {
    const every = rows();
    if (!every.length) return;
    const at = Math.max(0, Math.min(every.length - 1, index));
    every.forEach((row, number) => row.classList.toggle("chosen", number === at));
    const link = every[at].querySelector("a.go, a[href]");
    if (link) link.focus({ preventScroll: true });
    every[at].scrollIntoView({ block: "nearest" });
  };
  const go = (selector) => { const link = one(selector); if (link) link.click(); return Boolean(link); };
  const place = one("article.record") ? ["a[rel=next]", "a[rel=prev]"] : null;
  const move = (by) => {
    if (place) { go(by > 0 ? place[0] : place[1]); return; }
    const at = chosen();
    choose(at < 0 ? 0 : at + by);
  };
  const does = {
    j: () => move(1),
    k: () => move(-1),
    n: () => go("a[rel=next]"),
    p: () => go("a[rel=prev]"),
    u: () => go("[data-up]"),
    "/": () => { const search = one("input[type=search]"); if (search) { search.focus(); search.select(); } },
    "?": show,
    Enter: () => { const row = rows()[chosen()]; const link = row && row.querySelector("a.go, a[href]"); if (link) link.click(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const at = event.target;
    if (at.matches("input, select, textarea")) { if (event.key === "Escape") at.blur(); return; }
    if (dialog.open && event.key !== "?") return;
    if (event.key === "Enter" && at.closest("a, button, summary")) return;
    const act = does[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (row) rows().forEach((other) => other.classList.toggle("chosen", other === row));
  });
  all("form.filters select").forEach((select) => select.addEventListener("change", () => {
    if (!select.form.action.endsWith("/compare")) select.form.requestSubmit();
  }));
  all("form.filters").forEach((form) => form.addEventListener("submit", () => {  // addresses without what says nothing
    all("select, input", form).forEach((field) => { if (!field.value) field.disabled = true; });
  }));
  window.addEventListener("pageshow", () => all("form.filters :disabled").forEach((field) => { field.disabled = false; }));

  // Figures
  const style = () => getComputedStyle(document.documentElement);
  const draw = (chart) => {
    const colour = (name) => style().getPropertyValue(name).trim();
    const specification = JSON.parse(chart.dataset.chart);
    const scale = specification.encoding.color.scale;
    scale.range = scale.range.map(colour);
    specification.config = {
      background: "transparent", font: style().getPropertyValue("--sans"), view: { stroke: null },
      axis: { labelColor: colour("--soft"), titleColor: colour("--ink"), titleFontWeight: "normal", gridColor: colour("--rule"), domainColor: colour("--soft"), tickColor: colour("--soft") },
      legend: { labelColor: colour("--ink") },
    };
    const options = { ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true, sanitize: String } };
    const drawn = document.createElement("div");
    drawn.className = "drawn";
    const still = chart.querySelector("svg.plot");
    chart.append(drawn);
    return window.vegaEmbed(drawn, specification, options).then(() => {
      all(".drawn", chart).forEach((other) => { if (other !== drawn) other.remove(); });
      if (still) still.classList.add("hidden-plot");
      const legend = chart.closest("figure, section")?.querySelector("[data-legend]");
      if (legend) legend.hidden = true;
    }, () => drawn.remove());
  };
  const drawAll = () => { if (window.vegaEmbed) all("[data-chart]").forEach(draw); };
  window.addEventListener("load", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  // News
  const seen = () => document.body.dataset.revision;
  const news = one("[data-news]");
  const looking = one(".looking progress");
  one("[data-again]").addEventListener("click", (event) => { event.preventDefault(); location.reload(); });
  const ask = async () => {
    if (document.hidden || !seen()) return;
    try {
      const answer = await fetch("/live", { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const now = await answer.json();
      if (now.revision === seen()) return;
      if (one("[data-live]")) { await renew(); return; }
      if (looking && now.looked >= now.total) { location.reload(); return; }
      if (looking) { looking.max = now.total; looking.value = now.looked; return; }
      news.hidden = false;
    } catch { /* the viewer has ended; the page stays as it is */ }
  };
  const renew = async () => {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");  // scripts in it are never run
    const at = chosen();
    all("[data-live]").forEach((old, index) => {
      const other = fresh.querySelectorAll("[data-live]")[index];
      if (other) old.replaceWith(document.adoptNode(other));
    });
    document.body.dataset.revision = fresh.body.dataset.revision;
    if (at >= 0) rows()[at]?.classList.add("chosen");
  };
  setInterval(ask, 2000);
})();
