"""MkDocs' live preview for pages that forbid inline scripts."""

from __future__ import annotations

import secrets
from typing import Any

from mkdocs.livereload import LiveReloadServer


class PreviewServer(LiveReloadServer):
    """Serves a folder, and reloads open pages when it changed.

    MkDocs adds the script that does so to each page that it serves, inline. The policy of the page gets a word that is
    known to that script alone (https://www.w3.org/TR/CSP3/#framework-directive-source-list, nonce-source), so that all
    others are stopped in the preview as they are on the published site.
    """

    def _inject_js_into_html(self, content: bytes, epoch: Any) -> bytes:
        made: bytes = super()._inject_js_into_html(content, epoch)  # type: ignore[no-untyped-call]
        word = secrets.token_urlsafe(12).encode()
        before, script, after = made.rpartition(b"<script>")
        opened = before.replace(b"script-src 'self'", b"script-src 'self' 'nonce-%b'" % word, 1)
        return opened + script.replace(b">", b' nonce="%b">' % word) + after
