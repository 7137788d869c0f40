/* What the survey table shows: the form's filters, and the view (filters, order, columns) as an address.
   The form is the state. An address is input from anybody: only what the page itself offers is taken from it. */
(() => {
  "use strict";
  const kb = (window.kbSurvey ??= {});

  /* Lower case, without accents, so that "Łucja" or "Dvorak" is found as people type it. */
  kb.fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").replace(/[łŁ]/g, "l").toLowerCase();

  /* Papers of the data file as objects: labels as [{id, sure}], one for each branch. */
  kb.readPapers = (data) => {
    if (data.format !== 1) throw new Error(`format ${data.format} of the papers is not known here`);
    return data.papers.map((cells) => {
      const paper = Object.fromEntries(data.columns.map((name, at) => [name, cells[at] ?? ""]));
      for (const name of ["authors", "confirmed", "proposed", "code"]) paper[name] ||= [];
      paper.verdicts ||= {};
      paper.labels = [
        ...paper.confirmed.map((at) => ({ id: data.branches[at][0], sure: true })),
        ...paper.proposed.map((at) => ({ id: data.branches[at][0], sure: false })),
      ];
      return paper;
    });
  };

  const words = (text) => (kb.fold(text).match(/"[^"]+"|\S+/g) ?? []).map((word) => word.replaceAll('"', "")).filter(Boolean);

  const textOf = (paper) =>
    (paper.folded ??= kb.fold(
      [paper.title, ...paper.authors, paper.venue, paper.series, paper.key, paper.arxiv, paper.doi, paper.summary,
        paper.focus, paper.contribution, paper.limitations].join("\n"),
    ));

  /* Whether a paper passes all filters of the form as it stands now. */
  kb.filterOf = (form, taxonomy) => {
    const value = (name) => form.elements.namedItem(name)?.value ?? "";
    const terms = words(value("find"));
    const sure = form.elements.namedItem("sure").checked;
    const withCode = form.elements.namedItem("code").checked;
    const [from, to, venue, review, verdict] = ["from", "to", "venue", "review", "verdict"].map(value);
    const facets = [...form.querySelectorAll("select[data-facet]")]
      .map((select) => [select.dataset.facet, select.value])
      .filter(([, wanted]) => wanted);
    const branch = value("branch");

    const stands = (labels, wanted) => labels.some(({ id }) => id === wanted || id.startsWith(`${wanted}/`));
    const reviewed = { "": () => true, "-": (state) => !state || state === "stub", written: (state) => state === "done" || state === "draft" };
    return (paper) => {
      const year = paper.published.slice(0, 4);
      if ((from && !(year >= from)) || (to && !(year && year <= to))) return false;
      if (withCode && !paper.code.length) return false;
      if (venue && (venue === "-" ? paper.series : paper.series !== venue)) return false;
      if (review in reviewed ? !reviewed[review](paper.review) : paper.review !== review) return false;
      if (verdict && !(verdict === "judged" ? Object.keys(paper.verdicts).length : paper.verdicts[verdict])) return false;
      const labels = sure ? paper.labels.filter((label) => label.sure) : paper.labels;
      if (branch && !stands(labels, branch)) return false;
      for (const [facet, wanted] of facets) {
        const none = !labels.some(({ id }) => taxonomy.facetOf(id) === facet);
        if (wanted === "-" ? !none : !stands(labels, wanted)) return false;
      }
      return terms.every((term) => textOf(paper).includes(term));
    };
  };

  const fields = (form) => [...form.querySelectorAll("[name]")];
  const usual = (field) => (field.tagName === "SELECT" ? ([...field.options].find((o) => o.defaultSelected) ?? field.options[0]).value : "");

  /* The view as a query. Nothing stands in it that is as it always is. `order`: [[column, descending]]. */
  kb.writeAddress = (form, order, shown, usualView) => {
    const query = new URLSearchParams();
    for (const field of fields(form)) {
      const value = field.type === "checkbox" ? (field.checked ? "1" : "") : field.value.trim();
      if (value !== usual(field)) query.set(field.name, value);
    }
    const sort = kb.orderText(order);
    if (sort !== usualView.sort) query.set("sort", sort);
    if (shown.join() !== usualView.shown.join()) query.set("cols", shown.join());
    const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
    return location.pathname + (text ? `?${text}` : "");
  };

  /* Fill the form from the address. Gives {order, shown}, each undefined where the address does not say. */
  kb.readAddress = (form, columns) => {
    const query = new URLSearchParams(location.search);
    for (const field of fields(form)) {
      const value = query.get(field.name);
      if (value === null) continue;
      if (field.type === "checkbox") field.checked = value === "1";
      else if (field.tagName === "INPUT") field.value = value.slice(0, field.maxLength);
      else if ([...field.options].some((option) => option.value === value)) field.value = value;
    }
    const shown = (query.get("cols") ?? "").split(",").filter((name) => columns.includes(name));
    const order = kb.readOrder(query.get("sort") ?? "", columns);
    return { order: order.length ? order : undefined, shown: shown.length ? shown : undefined };
  };

  /* "published-,title": newest first, then by title. */
  kb.orderText = (order) => order.map(([name, down]) => (down ? `${name}-` : name)).join();
  kb.readOrder = (text, columns) => {
    const order = new Map();
    for (const part of text.split(",")) {
      const name = part.replace(/-$/, "");
      if (columns.includes(name) && !order.has(name)) order.set(name, name !== part);
    }
    return [...order];
  };
})();
