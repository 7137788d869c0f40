"""Data files for pages that are read from disk. A browser fetches nothing for such a page, but it runs scripts."""

from __future__ import annotations


def twin(path: str, text: str) -> tuple[str, str]:
    """Path and text of the script that says the same as the JSON file `path`; `kbJson` of assets/base.js picks.

    >>> twin("survey/papers.json", '{"format":1}')
    ('survey/papers.js', 'kbData.set(document.currentScript.src, {"format":1});\\n')
    """
    if not path.endswith(".json"):
        raise ValueError(f"{path} is no JSON file")
    return path.removesuffix("on"), f"kbData.set(document.currentScript.src, {text.strip()});\n"
