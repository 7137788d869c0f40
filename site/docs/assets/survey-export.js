/* The current view of the survey table as CSV and as BibTeX. */
(() => {
  "use strict";
  const kb = (window.kbSurvey ??= {});

  /* As kb export writes it: a cell that a spreadsheet would compute gets an apostrophe in front, and so does what stands
     like one behind a semicolon; an apostrophe that was there already is doubled. */
  const inert = (text) => text.replace(/(^|;)(?=['=+\-@\t\r＝＋－＠])/g, "$1'");
  const cell = (text) => {
    const safe = inert(text);
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };

  /* `columns`: [{title, text(paper)}]. A header, then one row for each paper. */
  kb.csv = (papers, columns) =>
    [columns.map(({ title }) => title), ...papers.map((paper) => columns.map(({ text }) => text(paper)))]
      .map((row) => `${row.map(cell).join(",")}\n`)
      .join("");

  let entries; // fetched once, when they are first asked for
  kb.bibtex = async (papers, url) => {
    entries ??= await kbJson(url);
    return papers.filter(({ key }) => Object.hasOwn(entries, key)).map(({ key }) => entries[key]).join("\n");
  };

  kb.save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
})();
