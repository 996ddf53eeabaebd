"""Text as HTML: the only place where a widget's text becomes markup."""

from __future__ import annotations

import html


def element(tag: str, text: str, **attributes: str) -> str:
    """An HTML element that shows `text` as it stands: everything in it is escaped.

    Args:
        tag: such as "div".
        text: any text, such as an error's message or a name from a file.
        attributes: of the element; write ``class_`` for its class.
    """
    pairs = [f' {name.rstrip("_")}="{html.escape(value)}"' for name, value in attributes.items()]
    return f"<{tag}{''.join(pairs)}>{html.escape(text)}</{tag}>"
