"""The page as a notebook shows it: the same scripts and styles, in a module for anywidget."""

from __future__ import annotations

import json
from string import Template

from .document import SCRIPTS, STYLES, read

# A shadow root keeps the page's ids and styles apart from the notebook's and from other pages'.
MODULE = Template("""\
const STYLE = $style;
const BODY = $body;

/** A place of its own in a cell's output, in the notebook's colours. */
function placeIn(el) {
  el.dataset.lmSuppressShortcuts = "true"; // the page's keys are not JupyterLab's
  const root = el.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = STYLE;
  const holder = document.createElement("div");
  root.append(style, holder);
  const followTheme = () => {
    const light = document.body.dataset.jpThemeLight;
    holder.style.colorScheme = { true: "light", false: "dark" }[light] ?? "light dark";
  };
  followTheme();
  const themes = new MutationObserver(followTheme);
  themes.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  return { root, themes, build: () => (holder.innerHTML = BODY) }; // ours alone, no run's text
}

function render({ model, el }) {
  const { root, themes, build } = placeIn(el);

$script
  return () => {
    page?.end();
    themes.disconnect();
    model.off("msg:custom", hear);
  };
}

export default { render };
""")


def notebook_module() -> str:
    """The JavaScript module whose `render` draws a page in a cell, as anywidget loads it."""
    return MODULE.substitute(
        style=json.dumps("\n".join(map(read, STYLES))),
        body=json.dumps(f'<div class="page" id="page">\n{read("body.html")}</div>'),
        script="\n".join(map(read, (*SCRIPTS, "session.js", "live.js"))),
    )
