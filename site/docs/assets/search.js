/* The search box of the header. Nothing of the search is fetched before somebody turns to it; then the index comes from
   Material's own search, from Pagefind, or, where the site is read from disk, from the data of the table of papers
   (search-engines.js). Titles are anybody's text: the list is made of nodes, never of HTML. */
(() => {
  "use strict";
  const root = document.querySelector("[data-kb-search]");
  if (!root) return;
  const form = root.querySelector("form");
  const input = root.querySelector("input");
  const output = root.querySelector(".md-search__output");
  const status = root.querySelector("[role=status]");
  const list = root.querySelector("ol");
  const more = root.querySelector(".kb-s-more");
  const toggle = document.getElementById("__search"); // the theme's styles go by it
  const config = JSON.parse(document.getElementById("__config").textContent);
  const base = new URL(config.base.replace(/\/*$/, "/"), location);
  const disk = location.protocol === "file:";
  const AT_ONCE = 10;

  let engine;
  const start = () => {
    engine ??= kbScript(new URL("assets/search-engines.js", base).href)
      .then(() => kbSearchEngines[disk ? "disk" : root.dataset.kbSearch]({ base, worker: new URL(config.search, location) }))
      .catch((error) => { engine = undefined; throw error; });
    return engine;
  };

  // ------------------------------------------------------------------------------------------------- list

  const node = (tag, className, ...children) => {
    const made = document.createElement(tag);
    made.className = className;
    made.append(...children);
    return made;
  };
  const link = (url, query, ...children) => {
    const address = new URL(url, base);
    address.searchParams.set("h", query);
    const made = node("a", "md-search-result__link", node("div", "md-search-result__article md-typeset", ...children));
    made.href = address.href;
    return made;
  };
  const item = ({ url, title, excerpt, sections }, query) =>
    node("li", "md-search-result__item",
      link(url, query, node("div", "kb-s-title", ...title), ...(excerpt.length ? [node("p", "", ...excerpt)] : [])),
      ...sections.map((each) =>
        link(each.url, query, node("div", "kb-s-section", ...each.title), ...(each.excerpt.length ? [node("p", "", ...each.excerpt)] : []))));

  const tell = (text) => { if (status.textContent !== text) status.textContent = text; };
  const hint = disk ? "Read from disk: the search knows titles, authors and summaries of papers, and branches." : "Type to search.";

  let hits = []; // functions that give a hit, best first
  let asked = 0; // what was asked last; an answer to something before is dropped
  let shown = ""; // the words that the list answers
  const extend = async (mine) => {
    const there = list.children.length;
    const next = await Promise.all(hits.slice(there, there + AT_ONCE).map((hit) => hit()));
    if (mine !== asked) return;
    const items = next.map((hit) => item(hit, shown));
    list.append(...items);
    more.hidden = list.children.length >= hits.length;
    return items[0];
  };
  const find = async () => {
    const query = input.value.trim().replace(/\s+/g, " ");
    if (query === shown) return;
    const mine = ++asked;
    let found = [];
    try {
      if (query) found = await (await start())(query);
    } catch (error) {
      if (mine === asked) tell("The search could not be loaded.");
      return;
    }
    if (mine !== asked) return;
    [hits, shown] = [found, query];
    list.replaceChildren();
    more.hidden = true;
    await extend(mine);
    if (mine !== asked) return;
    const count = hits.length.toLocaleString("en");
    tell(query ? (hits.length ? `${count} ${hits.length === 1 ? "page" : "pages"}` : `Nothing found. ${disk ? hint : ""}`) : hint);
  };
  more.addEventListener("click", async () => (await extend(asked))?.querySelector("a").focus());

  // -------------------------------------------------------------------------------------------- open, close

  const open = () => {
    toggle.checked = true;
    output.hidden = false;
    if (!shown) tell(hint);
    start().catch(() => tell("The search could not be loaded."));
  };
  const close = () => {
    toggle.checked = false;
    output.hidden = true;
  };
  input.addEventListener("focus", open);
  toggle.addEventListener("change", () => {
    if (toggle.checked) return input.focus();
    close();
    input.blur();
  });
  root.addEventListener("focusout", ({ relatedTarget }) => { if (relatedTarget && !root.contains(relatedTarget)) close(); });
  list.addEventListener("click", ({ target }) => { if (target.closest("a")) close(); });

  let waiting;
  input.addEventListener("input", () => {
    open();
    clearTimeout(waiting);
    waiting = setTimeout(find, 100);
  });
  form.addEventListener("reset", () => setTimeout(() => { find(); input.focus(); }));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    await find();
    list.querySelector("a")?.click();
  });

  // ----------------------------------------------------------------------------------------------- keyboard

  /* Keys without Ctrl can be turned off, by who speaks to the computer or strikes them by accident (WCAG 2.1.4): ours, and
     those by which the theme turns to the next and previous page. */
  const keys = root.querySelector(".kb-s-keys input");
  keys.checked = __md_get("__keys") ?? true;
  keys.addEventListener("change", () => __md_set("__keys", keys.checked));
  window.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey;
    const single = !command && !event.altKey && !event.target.closest?.("input, textarea, select, [contenteditable]");
    if (single && !keys.checked && "/np,.".includes(event.key)) event.stopImmediatePropagation();
    else if ((single && event.key === "/") || (command && event.key === "k" && !event.shiftKey && !event.altKey)) {
      event.preventDefault();
      input.focus();
      input.select();
    }
  }, { capture: true });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      input.focus();
      close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const stops = [input, ...list.querySelectorAll("a"), ...(more.hidden ? [] : [more])];
      const at = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
      stops[(at + stops.length) % stops.length].focus();
    } else return;
    event.preventDefault();
  });

  /* An address can ask. */
  const given = new URLSearchParams(location.search);
  if (given.get("q")) {
    input.value = given.get("q").slice(0, input.maxLength);
    input.focus();
  }
  if (document.activeElement === input) open(); // somebody was faster than this script
  if (input.value) find();
})();
