/* What a page gets once it has been read. */
(() => {
  "use strict";
  const article = document.querySelector("article");

  /* What scrolls by itself can be reached by the keyboard, in browsers that do not see to it. */
  const mind = () => {
    for (const box of article.querySelectorAll(".md-typeset__scrollwrap, .kb-scroll, pre > code")) {
      const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
      if (scrolls) box.tabIndex = 0;
      else if (box.tabIndex === 0) box.removeAttribute("tabindex");
    }
  };
  new ResizeObserver(mind).observe(article);

  /* The words of a search that led here are marked, without a change to the page. */
  const words = (new URLSearchParams(location.search).get("h") ?? "").slice(0, 200).match(/[\p{L}\p{N}]+/gu);
  if (!words || !globalThis.Highlight || !CSS.highlights) return;
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${words.join("|")})`, "giu");
  const texts = document.createNodeIterator(article, NodeFilter.SHOW_TEXT);
  const found = new Highlight();
  for (let text = texts.nextNode(); text && found.size < 500; text = texts.nextNode()) {
    for (const match of text.data.matchAll(pattern)) {
      const range = document.createRange();
      range.setStart(text, match.index);
      range.setEnd(text, match.index + match[0].length);
      found.add(range);
    }
  }
  CSS.highlights.set("kb-found", found);
})();
