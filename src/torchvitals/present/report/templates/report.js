(() => {
  "use strict";
  const config = JSON.parse(document.getElementById("chart-config").textContent);
  const charts = [...document.querySelectorAll(".chart")];
  const draw = (chart) => {
    const spec = JSON.parse(document.getElementById(chart.id + "-data").textContent);
    return Plotly.newPlot(chart, spec.data, spec.layout, config);
  };
  // One chart a frame: a long report stays readable while it draws.
  const next = () => {
    const chart = charts.shift();
    if (!chart) { document.documentElement.dataset.drawn = "true"; return; }
    draw(chart).then(() => requestAnimationFrame(next));
  };
  next();
  // Paper has no button to unfold what is folded.
  addEventListener("beforeprint", () => {
    charts.splice(0).forEach(draw);
    document.querySelectorAll("details").forEach((folded) => { folded.open = true; });
  });
})();
