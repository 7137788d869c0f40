/* Where search.js gets its hits from. Each engine is made from {base, worker}, and gives a function of the words, which
   gives functions, best first, that give a hit: {url, title, excerpt, sections: [{url, title, excerpt}]}. Titles and
   excerpts are lists of texts and <mark> elements. */
var kbSearchEngines = (() => {
  "use strict";
  const SECTIONS = 3;
  const BEFORE = 60;
  const LONG = 240;

  const mark = (text) => Object.assign(document.createElement("mark"), { textContent: text });

  /* What both indexes give is HTML, made from anybody's text. It is read in a document in which nothing runs or loads, and
     only its text is taken, and which of it is marked: [[text, marked]]. */
  const parts = (html) => {
    const apart = html.replace(/<\/(?:p|li|dd|dt|td|th|pre|h\d)>/g, "$& ");
    const inert = new DOMParser().parseFromString(apart, "text/html");
    const nodes = inert.createNodeIterator(inert.body, NodeFilter.SHOW_TEXT);
    const found = [];
    for (let text = nodes.nextNode(); text; text = nodes.nextNode()) found.push([text.data, text.parentElement.closest("mark") !== null]);
    return found;
  };
  const nodes = (found) => found.map(([text, marked]) => (marked ? mark(text) : text));
  const whole = (html) => nodes(parts(html));
  const bare = (html) => parts(html).map(([text]) => text).join("");

  /* The text around the first mark; nothing where nothing is marked. */
  const around = (html) => {
    const found = parts(html);
    const first = found.findIndex(([, marked]) => marked);
    if (first < 0) return [];
    const before = found.slice(0, first).map(([text]) => text).join("").replace(/\s+/g, " ");
    const cut = before.length > BEFORE ? `… ${before.slice(-BEFORE).replace(/^\S*\s/, "")}` : before;
    const kept = [[cut, false]];
    let left = LONG;
    for (const [text, marked] of found.slice(first)) {
      const short = text.length > left ? `${text.slice(0, left).replace(/\s\S*$/, "")} …` : text;
      kept.push([short, marked]);
      left -= text.length;
      if (left <= 0) break;
    }
    return nodes(kept);
  };

  /* Material for MkDocs: its index, and its own worker, which answers each message in turn (0: here is the index; 2: find). */
  const material = async ({ base, worker: address }) => {
    const index = await kbJson(new URL("search/search_index.json", base));
    const worker = new Worker(address);
    const waiting = [];
    worker.addEventListener("message", ({ data }) => waiting.shift()?.done(data.data));
    worker.addEventListener("error", (error) => waiting.splice(0).forEach(({ failed }) => failed(error)));
    const ask = (type, data) => new Promise((done, failed) => {
      waiting.push({ done, failed });
      worker.postMessage({ type, data });
    });
    await ask(0, { config: index.config, docs: index.docs, options: {} });
    const hit = (entries) => {
      const page = entries.find(({ location }) => !location.includes("#")) ?? entries[0];
      const made = ({ location, title, text }) => ({ url: new URL(location, base), title: whole(title), excerpt: around(text) });
      const named = bare(page.title);
      const sections = entries.filter((entry) => entry !== page && entry.score > 0 && bare(entry.title) !== named);
      return { ...made(page), sections: sections.slice(0, SECTIONS).map(made) };
    };
    return async (query) => (await ask(2, query)).items.map((entries) => () => hit(entries));
  };

  const pagefind = async ({ base }) => {
    const index = await import(new URL("pagefind/pagefind.js", base).href);
    await index.options({ excerptLength: 30 });
    await index.init();
    const hit = async (result) => {
      const { url, meta, excerpt, sub_results } = await result.data();
      const sections = sub_results.filter((each) => each.url !== url && each.title !== meta.title);
      const best = sections.sort((a, b) => b.locations.length - a.locations.length).slice(0, SECTIONS);
      const made = (each) => ({ url: each.url, title: [each.title], excerpt: whole(each.excerpt) });
      return { ...made({ url, title: meta.title ?? url, excerpt }), sections: best.map(made) };
    };
    return async (query) => (await index.search(query)).results.map((result) => () => hit(result));
  };

  /* A browser neither starts a worker nor fetches a file for a page that it reads from disk. What the table of all papers
     knows comes as a script, and is little enough to look through. */
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const disk = async ({ base }) => {
    const data = await kbJson(new URL("survey/papers.json", base));
    const papers = data.papers.map((cells) => {
      const paper = Object.fromEntries(data.columns.map((name, at) => [name, cells[at] || ""]));
      return { url: `papers/${encodeURIComponent(paper.key)}.html`, title: paper.title, about: [paper.byline, paper.summary].filter(Boolean).join(" — "),
        text: fold([paper.title, ...(paper.authors || []), paper.venue, paper.key, paper.summary, paper.focus, paper.contribution, paper.limitations].join("\n")) };
    });
    const branches = data.branches.map(([id, title, , url]) => ({ url, title, about: id, text: fold(`${title}\n${id}`) }));
    const all = [...branches, ...papers];
    return async (query) => {
      const words = fold(query).split(/\s+/).filter(Boolean);
      const rank = ({ title }) => words.filter((word) => fold(title).includes(word)).length;
      const found = all.filter(({ text }) => words.every((word) => text.includes(word))).map((each) => [rank(each), each]);
      return found.sort(([a], [b]) => b - a).map(([, { url, title, about }]) => () => ({ url: new URL(url, base), title: [title], excerpt: [about], sections: [] }));
    };
  };

  return { material, pagefind, disk };
})();
