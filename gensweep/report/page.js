"use strict";
(() => {
  const { figures, colours } = JSON.parse(document.getElementById("figures").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touched = window.matchMedia("(pointer: coarse)").matches; // a finger on a chart scrolls the page
  const hidden = new Set();
  const settings = {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendChartToCloud"],
    showSendToCloud: false, // a button that uploads the chart, which Plotly shows by default
    plotlyServerURL: "",
  };
  const names = new Map(Object.entries(colours).map(([name, placeholder]) => [placeholder.toLowerCase(), name]));

  // what the page is drawn in now: its own variables, or those of paper
  const themes = { print: { ink: "#000000", muted: "#444444", grid: "#cccccc", paper: "#ffffff" } };
  const theme = (printing) => {
    if (printing) return themes.print;
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(Object.keys(colours).map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  };
  const themed = (node, now) => {
    if (typeof node === "string") return now[names.get(node.toLowerCase())] ?? node;
    if (Array.isArray(node)) return node.map((inner) => themed(inner, now));
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, themed(inner, now)]));
  };
  const shown = (figure, now) => {
    const { data, layout } = themed(figure, now);
    for (const trace of data) if (trace.meta && hidden.has(trace.meta.arm)) trace.visible = false;
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: now.paper, bordercolor: now.muted };
    layout.dragmode = touched ? false : "zoom";
    layout.modebar = { orientation: "v", bgcolor: "rgba(0,0,0,0)", color: now.muted, activecolor: now.ink };
    layout.hoverlabel.font = { ...layout.hoverlabel.font, color: now.ink };
    return { data, layout };
  };
  const draw = (plot, printing = false) => {
    const { data, layout } = shown(figures[Number(plot.dataset.figure)], theme(printing));
    return Plotly.react(plot, data, layout, { ...settings, displayModeBar: window.innerWidth > 640 ? "hover" : false });
  };
  const swatches = () => {
    const now = theme(false);
    for (const swatch of document.querySelectorAll(".swatch")) swatch.style.color = themed(swatch.dataset.colour, now);
  };
  // one after another, so that the page can be read meanwhile
  let round = 0;
  const drawAll = (from = 0, mine = ++round) => {
    if (mine !== round || from >= plots.length) return;
    draw(plots[from]);
    setTimeout(() => drawAll(from + 1, mine), 0);
  };

  const arms = document.querySelector(".arms");
  if (arms) {
    arms.hidden = false;
    arms.addEventListener("change", (event) => {
      const arm = Number(event.target.dataset.arm);
      if (event.target.checked) hidden.delete(arm);
      else hidden.add(arm);
      drawAll();
    });
  }
  dark.addEventListener("change", () => { swatches(); drawAll(); });
  window.addEventListener("beforeprint", () => { round++; plots.forEach((plot) => draw(plot, true)); });
  window.addEventListener("afterprint", () => drawAll());
  swatches();
  drawAll();
})();
