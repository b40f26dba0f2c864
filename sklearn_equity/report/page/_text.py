"""How does text from the data become text of a page, whatever it holds?"""

from html import escape

from sklearn_equity.report._document import one_line


def text(words: str) -> str:
    """Escape words for the inside of an element, or of an attribute in quotes."""
    return escape(one_line(words), quote=True)
