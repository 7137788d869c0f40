/* What the map and the graph of papers share: their data, the form's filters, and the view as an address.
   The form is the state. An address is input from anybody: only what the page itself offers is taken from it.
   Titles are anybody's text: they are put into the document as text. */
(() => {
  "use strict";
  const kb = (window.kbGraph ??= {});
  const FORMAT = 1;

  kb.node = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  /* Lower case, without accents. */
  kb.fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  /* Data files; each is refused if it is of another format than this script. */
  kb.load = async (...urls) => {
    const found = await Promise.all(urls.map((url) => kbJson(url)));
    for (const { format } of found) if (format !== FORMAT) throw new Error(`format ${format} is not known here`);
    return found;
  };

  /* Papers as objects, with the ids of their branches. */
  kb.readPapers = (data) =>
    data.papers.map((cells, at) => {
      const paper = Object.fromEntries(data.columns.map((name, column) => [name, cells[column]]));
      paper.at = at;
      paper.page = `papers/${encodeURIComponent(paper.key)}.html`;
      paper.branches = paper.branches.map((branch) => data.branches[branch][0]);
      paper.direction = data.directions[paper.main]?.[0] ?? "";
      return paper;
    });

  const value = (form, name) => form.elements.namedItem(name)?.value ?? "";
  kb.value = value;

  /* Whether a paper passes all filters of the form as it stands now. */
  kb.filterOf = (form) => {
    const words = kb.fold(value(form, "find")).split(/\s+/).filter(Boolean);
    const direction = value(form, "direction");
    const branch = value(form, "branch");
    const stands = (paper, wanted) => paper.branches.some((id) => id === wanted || id.startsWith(`${wanted}/`));
    return (paper) => {
      if (direction === "-" ? paper.branches.length : direction && !stands(paper, direction)) return false;
      if (branch && !stands(paper, branch)) return false;
      if (!words.length) return true;
      paper.folded ??= kb.fold(`${paper.title} ${paper.byline} ${paper.year} ${paper.key}`);
      return words.every((word) => paper.folded.includes(word));
    };
  };

  /* "Title (authors, year)", for people. */
  kb.line = ({ title, byline, year, state }) => `${title} (${[byline, year, state].filter(Boolean).join(", ")})`;

  kb.link = (paper, more = "") => {
    const made = kb.node("li", {}, kb.node("a", { href: paper.page }, paper.title));
    made.append(" ", kb.node("small", {}, [paper.byline, paper.year, paper.state, more].filter(Boolean).join(", ")));
    return made;
  };

  /* The form's fields of one value. */
  const fields = (form) => [...form.querySelectorAll("select[name], input[type=search][name]")];

  /* Fill the form from the address; what else the address says, by name. */
  kb.readAddress = (form) => {
    const query = new URLSearchParams(location.search);
    for (const field of fields(form)) {
      const wanted = query.get(field.name);
      if (wanted === null) continue;
      if (field.tagName === "INPUT") field.value = wanted.slice(0, field.maxLength);
      else if ([...field.options].some((option) => option.value === wanted)) field.value = wanted;
    }
    return query;
  };

  /* The view as an address. Nothing stands in it that is as it always is. `more`: values by name. */
  kb.writeAddress = (form, more) => {
    const query = new URLSearchParams();
    for (const field of fields(form)) if (field.value.trim()) query.set(field.name, field.value.trim());
    for (const [name, said] of Object.entries(more)) if (said) query.set(name, said);
    const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
    history.replaceState(null, "", location.pathname + (text ? `?${text}` : ""));
  };

  /* Calls `change` when the form changed: a search a little later, when typing has stopped. */
  kb.watch = (form, change) => {
    let waiting;
    form.addEventListener("input", ({ target }) => {
      clearTimeout(waiting);
      waiting = setTimeout(change, target.type === "search" ? 150 : 0);
    });
    form.addEventListener("reset", () => setTimeout(change));
    form.addEventListener("submit", (event) => event.preventDefault());
  };

  kb.failed = (said) => {
    said.replaceChildren("The data could not be loaded. The papers stand in plain lists ");
    said.append(kb.node("a", { href: "taxonomy.html" }, "by branch"), ", too.");
  };

  kb.count = (number, word) => `${number.toLocaleString("en")} ${number === 1 ? word : `${word}s`}`;
})();
