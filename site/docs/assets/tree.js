/* The taxonomy's tree: fold or unfold all, and arrow keys as in a file manager. Each branch folds without any script. */
(() => {
  "use strict";
  const button = (text, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    made.addEventListener("click", act);
    return made;
  };

  for (const tree of document.querySelectorAll(".kb-tree")) {
    const parts = [...tree.querySelectorAll("details")];
    const fold = (open) => () => {
      for (const part of parts) part.open = open;
    };
    const tools = tree.querySelector(".kb-tree-tools"); // its place is kept, so that nothing moves
    if (parts.length) tools.append(button("Unfold all", fold(true)), button("Fold all", fold(false)));
    else tools.remove();

    /* What can be reached now: a branch by its summary, one without branches below it by its link. */
    const reachable = () => [...tree.querySelectorAll("summary, li > a")].filter((each) => each.checkVisibility());
    tree.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const here = event.target.closest("summary, li > a");
      if (!here) return;
      const all = reachable();
      const at = all.indexOf(here);
      const part = here.matches("summary") ? here.parentElement : null;
      const above = here.closest("ul").closest("details")?.querySelector("summary");
      const moves = {
        ArrowDown: () => all[at + 1],
        ArrowUp: () => all[at - 1],
        Home: () => all[0],
        End: () => all.at(-1),
        ArrowRight: () => {
          if (part && !part.open) part.open = true;
          else if (part) return all[at + 1];
        },
        ArrowLeft: () => {
          if (part?.open) part.open = false;
          else return above;
        },
      };
      if (!(event.key in moves)) return;
      event.preventDefault();
      moves[event.key]()?.focus();
    });
  }
})();
