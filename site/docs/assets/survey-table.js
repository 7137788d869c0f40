/* The survey table: columns, and what ties the form, the address and DataTables together.
   Titles are anybody's text. DataTables reads strings as HTML, so it is given nodes to show and numbers to sort by, and
   searches nothing itself. */
(async () => {
  "use strict";
  const kb = window.kbSurvey;
  const app = document.getElementById("kb-table-app");
  const status = document.getElementById("kb-status");
  const form = app.querySelector("form");
  const heads = [...app.querySelectorAll("th")];
  const names = heads.map((head) => head.dataset.column);
  const { root } = app.dataset;

  let data;
  try {
    data = await (kb.data ?? kbJson(app.dataset.papers));
  } catch {
    const link = Object.assign(document.createElement("a"), { href: `${root}taxonomy.html`, textContent: "by branch" });
    status.replaceChildren("The papers could not be loaded. They also stand in plain tables ", link, ".");
    return;
  }
  const papers = kb.readPapers(data);
  const branches = new Map(data.branches.map(([id, title, facet, page]) => [id, { title, facet: data.facets[facet], page }]));
  const taxonomy = { facetOf: (id) => branches.get(id)?.facet };

  // ------------------------------------------------------------------------------------------------- cells

  const node = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const link = (href, text) => node("a", { href }, text);
  const outward = (href, text) => (/^https?:\/\//i.test(href) ? node("a", { href, rel: "noopener" }, text) : text);
  const joined = (nodes, between) => nodes.flatMap((each, at) => (at ? [between, each] : [each]));
  const chip = ({ id, sure }) => {
    const { title, page } = branches.get(id);
    const said = sure ? "confirmed by a person" : "proposed";
    const made = node("a", { className: `kb-standing kb-standing-${sure ? "confirmed" : "proposed"}`, href: root + page, title: said });
    made.append(`${title}${sure ? " ✓" : "?"}`);
    return made;
  };
  const badge = (state) => node("span", { className: `kb-badge kb-badge-${state}` }, `${data.signs[state]} ${state}`);
  const plain = (name) => ({ text: (paper) => paper[name], show: (paper) => [paper[name]] });

  /* A facet's top branches; one that is confirmed anywhere below is confirmed. */
  const tops = (paper, facet) => {
    const found = new Map();
    for (const { id, sure } of paper.labels) {
      const top = id.split("/")[0];
      if (taxonomy.facetOf(id) === facet) found.set(top, sure || (found.get(top) ?? false));
    }
    return [...found].map(([id, sure]) => ({ id, sure }));
  };
  const below = (paper) => paper.labels.filter(({ id }) => id.includes("/") && taxonomy.facetOf(id) === data.facets[0]);
  const labelColumn = (labels) => ({
    text: (paper) => labels(paper).map(({ id, sure }) => `${id}${sure ? "" : "?"}`).join("; "),
    show: (paper) => joined(labels(paper).map(chip), " "),
    rank: (paper) => labels(paper).map(({ id }) => branches.get(id).title).join("; "),
  });
  const claims = (paper) => Object.entries(paper.verdicts);

  const columns = {
    title: {
      text: (paper) => paper.title,
      show: (paper) => [
        link(`${root}papers/${encodeURIComponent(paper.key)}.html`, paper.title),
        ...(paper.state ? [" ", node("span", { className: `kb-state kb-state-${paper.state} kb-${paper.state}` }, paper.state)] : []),
        node("small", {}, paper.byline),
      ],
    },
    authors: { text: (paper) => paper.authors.join("; "), show: (paper) => [paper.authors.join(", ")] },
    published: { ...plain("published"), empty: -1 }, // undated papers are not the newest
    venue: { ...plain("venue"), show: (paper) => [node("span", { title: paper.venue }, paper.series || "—")], rank: (paper) => paper.series },
    branch: labelColumn(below),
    code: {
      text: (paper) => paper.code.join("; "),
      show: (paper) => joined(paper.code.map((url, at) => outward(url, at ? `code ${at + 1}` : "code")), " "),
      rank: (paper) => -Math.sign(paper.code.length),
    },
    review: {
      text: (paper) => paper.review,
      show: (paper) => (paper.review ? [node("span", { className: `kb-state kb-state-${paper.review}` }, paper.review)] : ["—"]),
      rank: (paper) => ["done", "draft", "stub", ""].indexOf(paper.review),
    },
    claims: {
      text: (paper) => claims(paper).map(([state, count]) => `${state}: ${count}`).join("; "),
      show: (paper) => joined(claims(paper).map(([state, count]) => node("span", { className: "kb-nowrap" }, `${count} `, badge(state))), " "),
      rank: (paper) => -claims(paper).reduce((sum, [, count]) => sum + count, 0),
    },
    summary: plain("summary"),
    focus: plain("focus"),
    contribution: plain("contribution"),
    limitations: plain("limitations"),
    arxiv: { text: (paper) => paper.arxiv, show: (paper) => [paper.arxiv && outward(`https://arxiv.org/abs/${paper.arxiv}`, paper.arxiv)] },
    doi: { text: (paper) => paper.doi, show: (paper) => [paper.doi && outward(`https://doi.org/${encodeURI(paper.doi)}`, paper.doi)] },
    key: plain("key"),
  };
  heads.forEach((head) => {
    const { facet, column } = head.dataset;
    if (facet) columns[column] = labelColumn((paper) => tops(paper, facet));
    Object.assign(columns[column], { title: head.textContent, head });
  });

  /* Numbers to sort a column by, as people sort: 4 before 16, no heed of case, what is empty last. */
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const ranks = ({ text, rank, empty }) => {
    let places;
    const value = rank ?? text;
    return (paper) => {
      if (!places) {
        const values = [...new Set(papers.map(value))].filter((each) => each !== "");
        values.sort((a, b) => (typeof a === "number" ? a - b : collator.compare(a, b)));
        places = new Map(values.map((each, at) => [each, at]));
      }
      return places.get(value(paper)) ?? empty ?? places.size;
    };
  };

  // -------------------------------------------------------------------------------------------------- view

  const usual = { sort: "published-,title", shown: names.filter((name) => "shown" in columns[name].head.dataset) };
  const chooser = document.getElementById("kb-columns");
  chooser.append(
    ...names.map((value) => {
      const box = node("input", { type: "checkbox", value, defaultChecked: usual.shown.includes(value), disabled: value === "title" });
      return node("label", {}, box, ` ${columns[value].title}`);
    }),
  );
  const boxes = [...chooser.querySelectorAll("input")];
  const asked = kb.readAddress(form, names);
  if (asked.shown) boxes.forEach((box) => { box.checked = box.disabled || asked.shown.includes(box.value); });
  const shown = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const places = (order) => order.map(([name, down]) => [names.indexOf(name), down ? "desc" : "asc"]);

  heads.forEach((head) => head.removeAttribute("hidden"));
  let passes = kb.filterOf(form, taxonomy);
  const table = new DataTable("#kb-table", {
    data: papers,
    columns: names.map((name) => {
      const rank = ranks(columns[name]);
      const show = (paper) => node("div", {}, ...columns[name].show(paper));
      return {
        data: null,
        type: "num",
        searchable: false,
        className: `kb-c-${name}`,
        visible: boxes.find((box) => box.value === name).checked,
        orderSequence: name === "published" ? ["desc", "asc"] : ["asc", "desc"],
        createdCell: (cell) => { cell.dataset.title = columns[name].title; },
        render: (_, type, paper) => (type === "display" ? show(paper) : rank(paper)),
      };
    }),
    autoWidth: false,
    order: places(asked.order ?? kb.readOrder(usual.sort, names)),
    orderMulti: true,
    pageLength: Number(form.elements.namedItem("rows").value),
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null, bottom: "paging" },
    language: { emptyTable: "No paper is here yet.", zeroRecords: "No paper passes all filters." },
  });
  // DataTables locks a property of the clicks it handles that the theme's copy buttons set on every click of the page.
  app.querySelector(".kb-t-scroll").addEventListener("click", (event) => {
    if (Object.hasOwn(event, "delegateTarget")) event.stopPropagation();
  });
  table.search.fixed("filters", (_, paper) => passes(paper));
  const order = () => table.order().map(([at, way]) => [names[at], way === "desc"]).filter(([name]) => name);
  const view = () => table.rows({ search: "applied", order: "applied" }).data().toArray();

  // ------------------------------------------------------------------------------------- form and address

  const selects = [...form.querySelectorAll("select[data-sort]")];
  const orders = names.flatMap((name) => {
    const { title } = columns[name];
    if (name === "published") return [["published-", "newest first"], ["published", "oldest first"]];
    return [[name, title.toLowerCase() === "doi" ? title : title.toLowerCase()], [`${name}-`, `${title.toLowerCase()}, backwards`]];
  });
  selects.forEach((select) => select.append(node("option", { value: "" }, "—"), ...orders.map(([value, text]) => node("option", { value }, text))));

  const tell = () => {
    const count = table.page.info().recordsDisplay;
    const word = papers.length === 1 ? "paper" : "papers";
    const text = count === papers.length ? `${count.toLocaleString("en")} ${word}` : `${count.toLocaleString("en")} of ${papers.length.toLocaleString("en")} ${word}`;
    if (status.textContent !== text) status.textContent = text;
    selects.forEach((select, at) => { select.value = kb.orderText(order().slice(at, at + 1)); });
    history.replaceState(null, "", kb.writeAddress(form, order(), shown(), usual));
  };
  const apply = () => {
    passes = kb.filterOf(form, taxonomy);
    table.page.len(Number(form.elements.namedItem("rows").value));
    table.draw();
  };
  table.on("draw", tell);
  apply();

  let waiting;
  form.addEventListener("input", ({ target }) => {
    clearTimeout(waiting);
    if (target.name === "find") waiting = setTimeout(apply, 120);
  });
  form.addEventListener("change", ({ target }) => {
    if (boxes.includes(target)) {
      table.column(names.indexOf(target.value)).visible(target.checked);
      tell();
    } else if (selects.includes(target)) {
      const wanted = selects.map((select) => select.value).filter(Boolean).join();
      table.order(places(kb.readOrder(wanted, names))).draw();
    } else if (target.name && target.name !== "find") apply();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => {
    boxes.forEach((box) => table.column(names.indexOf(box.value)).visible(box.checked, false));
    table.order(places(kb.readOrder(usual.sort, names)));
    apply();
  }));

  const actions = {
    link: async (button) => {
      const text = button.textContent;
      try {
        await navigator.clipboard.writeText(location.href);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Copy it from the address bar";
      }
      setTimeout(() => { button.textContent = text; }, 2000);
    },
    csv: () => {
      const wanted = ["key", ...shown().filter((name) => name !== "key")].map((name) => columns[name]);
      kb.save("papers.csv", "text/csv", kb.csv(view(), wanted));
    },
    bibtex: async () => kb.save("papers.bib", "application/x-bibtex", await kb.bibtex(view(), app.dataset.bibtex)),
  };
  form.addEventListener("click", ({ target }) => actions[target.dataset.action]?.(target));
  app.dataset.ready = "";
})();
