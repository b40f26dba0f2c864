"""How does a report look as a page: one file that asks nobody for anything?"""

from sklearn_equity.report.page._page import render_in_notebook, render_page

__all__ = ["render_in_notebook", "render_page"]
