/* The graph of papers: Cytoscape draws it, the form says what is in it, and the chosen paper's neighbours are also a list. */
(async () => {
  "use strict";
  const kb = window.kbGraph;
  const app = document.getElementById("kb-graph-app");
  const form = app.querySelector("form");
  const said = document.getElementById("kb-graph-said");
  const canvas = document.getElementById("kb-graph-canvas");
  const aside = document.getElementById("kb-graph-of");
  const SHAPES = ["ellipse", "rectangle", "triangle", "diamond"]; // as on the map
  const NAMES = { similar: "Alike", cites: "Cites", citedBy: "Cited by", measures: "Measures a method of", measuredBy: "Its method measured by" };

  let data;
  let edges;
  try {
    [data, edges] = await kb.load(app.dataset.papers, app.dataset.edges);
  } catch {
    kb.failed(said);
    return;
  }
  const papers = kb.readPapers(data);
  const byKey = new Map(papers.map((paper) => [paper.key, paper]));
  const kinds = [...form.querySelectorAll("[name=edges]")];

  // --------------------------------------------------------------------------------------------- style

  const SIZE = papers.length > 800 ? 7 : 9;
  const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const node = (at, shape) => ({ selector: `node[main=${at}]`, style: { "background-color": colour(at < 0 ? "--kb-cn" : `--kb-c${at % 8}`), shape } });
  const style = () => [
    { selector: "node", style: { width: SIZE, height: SIZE, "border-width": 0, label: "" } },
    ...data.directions.map((_, at) => node(at, SHAPES[at % SHAPES.length])),
    { selector: "node[main=-1]", style: { "background-opacity": 0, shape: "ellipse", "border-width": 1.2, "border-color": colour("--kb-cn") } },
    { selector: "edge", style: { width: 0.6, "line-color": colour("--kb-edge"), opacity: 0.6, "curve-style": "haystack", "haystack-radius": 0 } },
    { selector: "edge[kind='cites']", style: { "line-color": colour("--kb-cites"), width: 0.9 } },
    { selector: "edge[kind='measures']", style: { "line-color": colour("--kb-measures"), width: 1.2, "line-style": "dashed" } },
    { selector: ".off", style: { opacity: 0.12 } },
    { selector: "edge.off", style: { opacity: 0.05 } },
    { selector: ".gone", style: { display: "none" } },
    { selector: "edge.of", style: { opacity: 1, width: 1.6 } },
    { selector: "node.of", style: { "border-width": 1.5, "border-color": colour("--kb-chosen") } },
    { selector: "node.chosen", style: { width: 14, height: 14, "border-width": 2, "border-color": colour("--kb-chosen"), "z-index": 10 } },
    { selector: "node.named", style: { label: "data(name)", "font-size": 7, color: colour("--kb-text"), "text-outline-width": 1.2, "text-outline-color": colour("--kb-ground"), "text-wrap": "ellipsis", "text-max-width": 110, "text-margin-y": -2, "min-zoomed-font-size": 6 } },
  ];

  // ---------------------------------------------------------------------------------------------- graph

  const SCALE = 6; // pixels for a unit of the map
  const short = ({ title }) => (title.length > 60 ? `${title.slice(0, 58)}…` : title);
  const elements = papers.map((paper) => ({
    data: { id: String(paper.at), main: paper.main, name: short(paper) },
    position: { x: paper.x * SCALE, y: paper.y * SCALE },
  }));
  for (const { value: kind } of kinds) {
    for (const [from, to] of edges[kind]) elements.push({ data: { id: `${kind}${from}-${to}`, source: String(from), target: String(to), kind } });
  }
  /* Cytoscape is left the fingers. A wheel scrolls the page, and zooms with a key; with Shift it turns sideways.
     This comes before Cytoscape's own listener, which would keep the page from scrolling. */
  canvas.addEventListener("wheel", (event) => {
    event.stopImmediatePropagation();
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    const factor = (event.deltaY || event.deltaX) < 0 ? 1.25 : 0.8;
    cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: event.clientX - box.left, y: event.clientY - box.top } });
  }, { passive: false, capture: true });
  const cy = cytoscape({
    container: canvas,
    elements,
    style: style(),
    layout: { name: "preset", fit: true, padding: 20 },
    autoungrabify: true,
    boxSelectionEnabled: false,
    hideEdgesOnViewport: papers.length > 800,
    minZoom: 0.05,
    maxZoom: 8,
    pixelRatio: papers.length > 800 ? 1 : "auto",
  });
  new MutationObserver(() => cy.style(style())).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });

  // ------------------------------------------------------------------------------------- a chosen paper

  let chosen = null;
  let summary = "";
  const shown = () => new Set(kinds.filter((box) => box.checked).map((box) => box.value));
  const neighbours = (paper) => {
    const found = { similar: [], cites: [], citedBy: [], measures: [], measuredBy: [] };
    const on = shown();
    for (const [from, to, weight] of on.has("similar") ? edges.similar : []) {
      if (from === paper.at) found.similar.push([papers[to], weight]);
      if (to === paper.at) found.similar.push([papers[from], weight]);
    }
    for (const [kind, back] of [["cites", "citedBy"], ["measures", "measuredBy"]]) {
      for (const [from, to, weight] of on.has(kind) ? edges[kind] : []) {
        if (from === paper.at) found[kind].push([papers[to], weight]);
        if (to === paper.at) found[back].push([papers[from], weight]);
      }
    }
    found.similar.sort((a, b) => b[1] - a[1]);
    return found;
  };
  const list = (paper) => {
    if (!paper) return [];
    const parts = [kb.node("h2", {}, kb.node("a", { href: paper.page }, paper.title)), kb.node("p", {}, [paper.byline, paper.year, paper.state].filter(Boolean).join(", "))];
    for (const [kind, found] of Object.entries(neighbours(paper))) {
      if (!found.length) continue;
      const items = found.map(([other, weight]) => {
        const item = kb.link(other, kind === "similar" ? `likeness ${weight.toFixed(2)}` : kind.startsWith("measure") ? kb.count(weight, "figure") : "");
        const go = kb.node("button", { type: "button", className: "kb-graph-go" }, "Show");
        go.setAttribute("aria-label", `Show ${other.title} in the graph`);
        go.addEventListener("click", () => {
          choose(other, true);
          aside.focus();
        });
        item.append(" ", go);
        return item;
      });
      parts.push(kb.node("h3", {}, NAMES[kind]), kb.node("ul", {}, ...items));
    }
    if (parts.length === 2) parts.push(kb.node("p", {}, "No edge of the chosen kinds."));
    return parts;
  };
  const mark = () => {
    cy.batch(() => {
      cy.elements(".of, .chosen, .named").removeClass("of chosen named");
      if (!chosen) return;
      const one = cy.$id(String(chosen.at));
      one.addClass("chosen named");
      const ends = one.edgesWith("node:visible").filter(":visible");
      ends.addClass("of");
      ends.connectedNodes().addClass("of named");
    });
  };
  const choose = (paper, move) => {
    chosen = paper;
    mark();
    aside.replaceChildren(...list(paper));
    if (paper && move) {
      const zoom = Math.max(cy.zoom(), 1.8);
      cy.zoom(zoom);
      cy.center(cy.$id(String(paper.at)));
    }
    said.textContent = paper ? kb.line(paper) : summary;
    address();
  };
  const address = () => {
    const on = kinds.filter((box) => box.checked);
    kb.writeAddress(form, { edges: on.length === kinds.length ? "" : on.map((box) => box.value).join() || "-", paper: chosen?.key });
  };
  cy.on("tap", "node", ({ target }) => choose(papers[Number(target.id())]));
  cy.on("tap", ({ target }) => { if (target === cy) choose(null); });
  cy.on("mouseover", "node", ({ target }) => { said.textContent = kb.line(papers[Number(target.id())]); canvas.classList.add("kb-over"); });
  cy.on("mouseout", "node", () => { said.textContent = chosen ? kb.line(chosen) : summary; canvas.classList.remove("kb-over"); });

  // --------------------------------------------------------------------------------------------- form

  const apply = () => {
    const passes = kb.filterOf(form);
    const on = shown();
    const kept = papers.filter(passes);
    const all = kept.length === papers.length;
    const inside = new Set(kept.map(({ at }) => String(at)));
    let count = 0;
    cy.batch(() => {
      cy.nodes().forEach((one) => { one.toggleClass("off", !inside.has(one.id())); });
      cy.edges().forEach((one) => {
        const gone = !on.has(one.data("kind"));
        const off = !all && !(inside.has(one.data("source")) && inside.has(one.data("target")));
        one.toggleClass("gone", gone).toggleClass("off", off);
        if (!gone && !off) count += 1;
      });
    });
    const many = all ? kb.count(papers.length, "paper") : `${kept.length.toLocaleString("en")} of ${kb.count(papers.length, "paper")}`;
    summary = `${many}, ${kb.count(count, "edge")}`;
    // A search that leaves one paper means it.
    const only = kb.value(form, "find") && kept.length === 1 ? kept[0] : null;
    if (only && only !== chosen) choose(only, true);
    else if (chosen && !passes(chosen)) choose(null);
    else choose(chosen);
  };
  form.addEventListener("reset", () => {
    chosen = null;
    setTimeout(() => cy.fit(undefined, 20));
  });
  form.addEventListener("click", ({ target }) => {
    const factor = { in: 1.6, out: 1 / 1.6 }[target.dataset.action];
    if (factor) cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
  });

  const query = kb.readAddress(form);
  const asked = query.get("edges")?.split(",");
  if (asked) for (const box of kinds) box.checked = asked.includes(box.value);
  chosen = byKey.get(query.get("paper")) ?? null;
  kb.watch(form, apply);
  apply();
  if (chosen) choose(chosen, true);
  window.kbGraph.cy = cy; // for whoever wants to look closer
  app.dataset.ready = "";
})();
