/* The colours that the reader chose, or that the system asks for, before anything is shown in others.
   Material for MkDocs has this as an inline script (partials/javascripts/palette.html). */
(() => {
  "use strict";
  const options = [...document.querySelectorAll("[data-md-component=palette] [data-md-color-media]")];
  const asked = options.find((option) => matchMedia(option.dataset.mdColorMedia).matches);
  const chosen = __md_get("__palette")?.color ?? {
    scheme: asked?.dataset.mdColorScheme,
    primary: asked?.dataset.mdColorPrimary,
    accent: asked?.dataset.mdColorAccent,
  };
  for (const [name, value] of Object.entries(chosen)) {
    if (value) document.body.setAttribute(`data-md-color-${name}`, value);
  }
})();
