/* Asks for the papers while the page is still being read; survey-table.js waits for them, or asks itself. */
(() => {
  "use strict";
  const data = kbJson(document.currentScript.dataset.papers);
  data.catch(() => {}); // survey-table.js says so
  (window.kbSurvey ??= {}).data = data;
})();
