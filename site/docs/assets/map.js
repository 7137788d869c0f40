/* The map of papers: filters, zoom, names under the pointer, and a list of what is shown. The picture is there without it. */
(async () => {
  "use strict";
  const kb = window.kbGraph;
  const app = document.getElementById("kb-map-app");
  const form = app.querySelector("form");
  const svg = document.getElementById("kb-map");
  const said = document.getElementById("kb-map-said");
  const list = document.getElementById("kb-map-list");
  const LISTED = 60; // papers at a time
  const NS = "http://www.w3.org/2000/svg";

  let data;
  try {
    [data] = await kb.load(app.dataset.papers);
  } catch {
    kb.failed(said);
    return;
  }
  const papers = kb.readPapers(data);

  // ---------------------------------------------------------------------------------------------- dots

  const shapes = [...svg.querySelectorAll("defs path")];
  const make = (tag, attributes) => {
    const made = document.createElementNS(NS, tag);
    for (const [name, text] of Object.entries(attributes)) made.setAttribute(name, text);
    return made;
  };
  /* A large map comes as one path for each direction: its dots are made here. */
  const dotOf = (paper) => {
    const dot = make("a", { class: `kb-dot kb-d${paper.main < 0 ? "n" : paper.main}`, href: paper.page, tabindex: -1 });
    const title = make("title", {});
    title.textContent = paper.title;
    dot.append(title, make("use", { href: `#kb-s${Math.max(paper.main, 0) % shapes.length}`, x: paper.x, y: paper.y }));
    return dot;
  };
  let dots = [...svg.querySelectorAll("a.kb-dot")];
  if (dots.length !== papers.length) {
    const before = svg.querySelector("text");
    dots = papers.map(dotOf);
    for (const each of svg.querySelectorAll(".kb-dots")) each.remove();
    dots.forEach((dot) => svg.insertBefore(dot, before));
  }
  const paperOf = new Map(dots.map((dot, at) => [dot, papers[at]]));

  // ---------------------------------------------------------------------------------------------- view

  const whole = svg.viewBox.baseVal;
  const home = { x: whole.x, y: whole.y, side: whole.width };
  let view = { ...home };
  let chosen = null;
  const LEAST = home.side / 20;
  const limit = (low, value, high) => Math.min(Math.max(value, low), high);
  const draw = () => {
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.side} ${view.side}`);
    svg.classList.toggle("kb-near", view.side < home.side / 2.5);
    const scale = Math.sqrt(view.side / home.side); // dots grow more slowly than the map
    for (const shape of shapes) shape.setAttribute("transform", `scale(${scale})`);
  };
  /* Zoom by a factor, with the point (x, y) of the map staying where it is. */
  const zoom = (factor, x = view.x + view.side / 2, y = view.y + view.side / 2) => {
    const side = limit(LEAST, view.side / factor, home.side);
    const share = side / view.side;
    move(x - (x - view.x) * share, y - (y - view.y) * share, side);
  };
  const move = (x, y, side = view.side) => {
    view = { side, x: limit(home.x, x, home.x + home.side - side), y: limit(home.y, y, home.y + home.side - side) };
    draw();
  };
  const point = ({ clientX, clientY }) => {
    const box = svg.getBoundingClientRect();
    return [view.x + ((clientX - box.left) / box.width) * view.side, view.y + ((clientY - box.top) / box.height) * view.side];
  };

  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return; // the page scrolls
    event.preventDefault();
    zoom((event.deltaY || event.deltaX) < 0 ? 1.25 : 0.8, ...point(event)); // Shift turns it sideways
  }, { passive: false });

  let drag = null;
  svg.addEventListener("pointerdown", (event) => {
    if (event.button || view.side === home.side) return;
    drag = { at: [event.clientX, event.clientY], from: { ...view }, moved: false };
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const scale = drag.from.side / svg.getBoundingClientRect().width;
    const [dx, dy] = [event.clientX - drag.at[0], event.clientY - drag.at[1]];
    drag.moved ||= Math.hypot(dx, dy) > 4;
    if (drag.moved) {
      svg.setPointerCapture(event.pointerId);
      move(drag.from.x - dx * scale, drag.from.y - dy * scale);
    }
  });
  const drop = () => setTimeout(() => { drag = null; });
  svg.addEventListener("pointerup", drop);
  svg.addEventListener("pointercancel", drop);
  svg.addEventListener("click", (event) => { if (drag?.moved) event.preventDefault(); }, true);
  svg.addEventListener("dragstart", (event) => event.preventDefault()); // a link is dragged as a link otherwise

  // --------------------------------------------------------------------------------- names and filters

  let summary = "";
  const tell = (paper) => { said.textContent = paper ? kb.line(paper) : summary; };
  svg.addEventListener("pointerover", ({ target }) => {
    const dot = target.closest?.("a.kb-dot");
    if (dot) tell(paperOf.get(dot));
  });
  svg.addEventListener("pointerleave", () => tell(chosen));

  const choose = (paper) => {
    for (const dot of svg.querySelectorAll(".kb-chosen")) dot.classList.remove("kb-chosen");
    chosen = paper;
    if (paper) dots[paper.at].classList.add("kb-chosen");
    tell(paper);
  };
  list.addEventListener("focusin", ({ target }) => {
    const paper = papers[target.closest("li")?.dataset.at];
    if (paper) choose(paper);
  });
  list.addEventListener("pointerover", ({ target }) => {
    const paper = papers[target.closest("li")?.dataset.at];
    if (paper) choose(paper);
  });

  const mixed = papers.some(({ words }) => !words); // where all are, the page says so once
  const show = (found, from = 0) => {
    const items = found.slice(from, from + LISTED).map((paper) => {
      const item = kb.link(paper, mixed && paper.words ? "placed by its title" : "");
      item.dataset.at = paper.at;
      return item;
    });
    if (from) list.lastElementChild.remove();
    else list.replaceChildren();
    list.append(...items);
    if (found.length > from + LISTED) {
      const more = kb.node("button", { type: "button", className: "md-button" }, "More");
      more.addEventListener("click", () => {
        show(found, from + LISTED);
        list.children[from + LISTED].querySelector("a").focus();
      });
      list.append(kb.node("li", { className: "kb-graph-more" }, more));
    }
  };
  const apply = () => {
    const passes = kb.filterOf(form);
    const found = papers.filter(passes);
    const kept = new Set(found);
    dots.forEach((dot, at) => dot.classList.toggle("kb-off", !kept.has(papers[at])));
    summary = found.length === papers.length ? `${kb.count(papers.length, "paper")}` : `${found.length.toLocaleString("en")} of ${kb.count(papers.length, "paper")}`;
    if (chosen && !kept.has(chosen)) choose(null);
    tell(chosen);
    show([...found].sort((a, b) => (a.title < b.title ? -1 : 1)));
    kb.writeAddress(form, { paper: chosen?.key });
  };
  form.addEventListener("reset", () => {
    choose(null);
    move(home.x, home.y, home.side);
  });
  form.addEventListener("click", ({ target }) => {
    if (target.dataset.action) zoom(target.dataset.action === "in" ? 1.6 : 1 / 1.6);
  });

  const query = kb.readAddress(form);
  const wanted = papers.find(({ key }) => key === query.get("paper"));
  if (wanted) {
    choose(wanted);
    move(wanted.x - home.side / 6, wanted.y - home.side / 6, home.side / 3);
  }
  kb.watch(form, apply);
  apply();
  app.dataset.ready = "";
})();
