/* Pictures: what a mark says when it is pointed at or reached by keyboard, filters, and keys that switch marks off.
   No module: a browser runs those from a server only, and the site can be read from disk. Everything that is shown comes
   from the page's own text, and goes into the document as text. */
(() => {
  "use strict";
  const figures = [...document.querySelectorAll("figure.kb-p")];
  const marksIn = (figure) => [...figure.querySelectorAll(".kb-p-m")];
  const node = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  // ------------------------------------------------------------------------------------------ what a mark says

  const tip = node("div", { className: "kb-p-tip", id: "kb-p-tip", role: "tooltip", hidden: true });
  let shown = null;
  let leaving = 0;
  let told = false; // whether what is touched now was shown before

  const hide = () => {
    shown?.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  };
  const leave = () => {
    leaving = setTimeout(hide, 150); // long enough to move onto the words themselves
  };
  const show = (mark) => {
    clearTimeout(leaving);
    if (shown === mark) return;
    hide();
    shown = mark;
    const figure = mark.closest("figure");
    tip.textContent = mark.getAttribute("aria-label");
    figure.append(tip);
    tip.hidden = false;
    const frame = figure.getBoundingClientRect();
    // Beside all that can be pointed at, or the words would lie under the pointer.
    const box = (mark.querySelector(".kb-p-hit") ?? mark.lastElementChild).getBoundingClientRect();
    const left = box.left + box.width / 2 - tip.offsetWidth / 2 - frame.left;
    const below = box.top - tip.offsetHeight - 8 < 56; // the page's head stays at the top
    tip.style.left = `${Math.max(0, Math.min(left, frame.width - tip.offsetWidth))}px`;
    tip.style.top = `${below ? box.bottom - frame.top + 8 : box.top - frame.top - tip.offsetHeight - 8}px`;
  };
  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", leave);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".kb-p-m, .kb-p-tip")) hide();
  });

  /* One stop of the Tab key a picture; arrows lead from mark to mark, from left to right as they are written. */
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const stop = (panel, wanted) => {
    for (const each of panel.querySelectorAll('.kb-p-m[tabindex="0"]')) each.setAttribute("tabindex", "-1");
    wanted?.setAttribute("tabindex", "0");
  };
  const visible = (panel) => [...panel.querySelectorAll(".kb-p-m")].filter((mark) => !mark.closest(".kb-p-off"));

  for (const figure of figures) {
    for (const mark of marksIn(figure)) {
      const title = mark.querySelector(":scope > title");
      mark.setAttribute("aria-label", title.textContent);
      title.remove(); // or the browser would show it as well
    }
    for (const panel of figure.querySelectorAll(".kb-p-panel")) stop(panel, visible(panel)[0]);
    figure.addEventListener("pointerover", (event) => {
      const mark = event.target.closest(".kb-p-m");
      if (!mark) return;
      told = shown === mark;
      show(mark);
    });
    figure.addEventListener("pointerout", (event) => {
      if (event.pointerType !== "touch" && event.target.closest(".kb-p-m")) leave();
    });
    /* A finger cannot point without touching: the first touch shows the words, the second follows the link. */
    figure.addEventListener("click", (event) => {
      if (event.pointerType === "touch" && !told && event.target.closest("a.kb-p-m")) event.preventDefault();
    });
    figure.addEventListener("focusin", (event) => {
      const mark = event.target.closest(".kb-p-m");
      if (mark) show(mark);
      else hide();
    });
    figure.addEventListener("focusout", leave);
    figure.addEventListener("keydown", (event) => {
      const mark = event.target.closest(".kb-p-m");
      const panel = mark?.closest(".kb-p-panel");
      if (!panel || event.ctrlKey || event.metaKey || event.altKey) return;
      const marks = visible(panel);
      const at = marks.indexOf(mark);
      const next = event.key in steps ? marks[at + steps[event.key]] : { Home: marks[0], End: marks.at(-1) }[event.key];
      if (!next && !(event.key in steps)) return;
      event.preventDefault();
      if (!next) return;
      stop(panel, next);
      next.focus();
    });
  }

  // ------------------------------------------------------------------------------------------ filters and keys

  const form = document.querySelector("form.kb-p-filters");
  const status = form?.querySelector(".kb-p-status");
  const filters = form ? [...form.querySelectorAll("select")] : [];
  const filtered = figures.filter((figure) => "filtered" in figure.dataset);
  const off = new Set();
  const of = (mark) => (mark.dataset.of ?? "").split(" ");

  const apply = () => {
    const wanted = filters.map((select) => select.selectedOptions[0].dataset.of).filter(Boolean);
    let all = 0;
    let left = 0;
    for (const figure of filtered) {
      for (const each of figure.querySelectorAll("[data-of]")) {
        const names = of(each);
        const panel = each.matches(".kb-p-panel");
        const passes = panel
          ? wanted.every((name) => name[0] !== "s" || names.includes(name))
          : wanted.every((name) => names.includes(name)) && !names.some((name) => off.has(name));
        each.classList.toggle("kb-p-off", !passes);
        if (each.matches(".kb-p-m")) {
          all += 1;
          left += passes;
        }
      }
      // Means are of all: beside a part of the dots they would be wrong, and nothing is estimated here.
      const partly = off.size > 0 || wanted.some((name) => name[0] !== "s");
      for (const means of figure.querySelectorAll(".kb-p-means")) means.classList.toggle("kb-p-off", partly);
      for (const panel of figure.querySelectorAll(".kb-p-panel")) stop(panel, visible(panel)[0]);
    }
    hide();
    if (status) {
      status.textContent =
        left < all ? `${left.toLocaleString("en")} of ${all.toLocaleString("en")} differences. Means are of all, and not shown with a part.` : "";
    }
  };

  const write = () => {
    const query = new URLSearchParams();
    for (const select of filters) if (select.value) query.set(select.name, select.value);
    if (off.size) query.set("without", [...off].sort().join());
    const text = query.toString().replaceAll("%2C", ",");
    history.replaceState(null, "", location.pathname + (text ? `?${text}` : "") + location.hash);
  };

  const keys = [...document.querySelectorAll("figure[data-filtered] .kb-p-keys [data-series]")];
  const known = new Set(keys.map((item) => item.dataset.series));
  const press = () => {
    for (const item of keys) item.firstElementChild.setAttribute("aria-pressed", String(!off.has(item.dataset.series)));
  };
  for (const item of keys) {
    const button = node("button", { type: "button" }, ...item.childNodes);
    button.addEventListener("click", () => {
      const { series } = item.dataset;
      if (!off.delete(series)) off.add(series);
      press();
      apply();
      write();
    });
    item.append(button);
  }

  /* An address is input from anybody: only what the page itself offers is taken from it. */
  const query = new URLSearchParams(location.search);
  for (const select of filters) {
    const value = query.get(select.name);
    if ([...select.options].some((option) => option.value === value)) select.value = value;
  }
  for (const name of (query.get("without") ?? "").split(",")) if (known.has(name)) off.add(name);
  press();
  if (filtered.length) apply();
  form?.addEventListener("submit", (event) => event.preventDefault());
  form?.addEventListener("change", () => {
    apply();
    write();
  });
  form?.addEventListener("reset", () =>
    setTimeout(() => {
      off.clear();
      press();
      apply();
      write();
    }),
  );
})();
