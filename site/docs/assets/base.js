/* What scripts of a page stand on. Runs in the head, before anything is shown. */

/* Material for MkDocs has these four as an inline script (partials/javascripts/base.html): what the reader chose, kept
   by site. Its own scripts call them by these names. */
var __md_scope = new URL(document.currentScript.dataset.scope, location);
var __md_hash = (text) => [...text].reduce((sum, letter) => (sum << 5) - sum + letter.charCodeAt(0), 0);
var __md_get = (name, store = localStorage, scope = __md_scope) => JSON.parse(store.getItem(`${scope.pathname}.${name}`));
var __md_set = (name, value, store = localStorage, scope = __md_scope) => {
  try {
    store.setItem(`${scope.pathname}.${name}`, JSON.stringify(value));
  } catch {
    // A full or forbidden store: the choice lasts as long as the page.
  }
};

/* Runs a script of the site, once. */
var kbScript = (url) =>
  (kbScript.runs[url] ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = done;
    script.onerror = () => {
      delete kbScript.runs[url];
      failed(new Error(`${url} could not be loaded`));
    };
    document.head.append(script);
  }));
kbScript.runs = {};

/* A data file of the site. A page that was opened from disk may not fetch one: there the same data come as a script,
   which puts them into kbData by its own address (kb/render/from_disk.py). */
var kbData = new Map();
var kbJson = async (url) => {
  const from = new URL(url, location).href;
  if (location.protocol === "file:") {
    const script = from.replace(/\.json$/, ".js");
    await kbScript(script);
    return kbData.get(script);
  }
  const answer = await fetch(from);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
};
