"""How the documentation is built: `make docs`, with every warning an error."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

from sklearn_equity import __version__

project = "sklearn_equity"
author = "The sklearn_equity developers"
project_copyright = author
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
# README.md is the same index for readers of the repository; the gallery's sources
# become pages under gallery/.
exclude_patterns = ["_build", "README.md", "examples"]
templates_path = ["_templates"]
default_role = "py:obj"  # `audit` in a docstring links to its page

# ---- pages in Markdown -----------------------------------------------------------
myst_enable_extensions = ["attrs_block", "colon_fence"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# ---- pages from docstrings -------------------------------------------------------
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc says in words what the types are
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

# ---- gallery ---------------------------------------------------------------------
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",  # their numbers: the reading order
    "doc_module": ("sklearn_equity",),
    "reference_url": {"sklearn_equity": None},
    "backreferences_dir": "api/generated/backreferences",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,  # a page that asks three hosts for scripts
    "thumbnail_size": (400, 280),
    "matplotlib_animations": False,
}

# ---- looks -----------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_equity {version}"
html_static_path = ["_static"]
html_css_files = ["guide.css"]
html_show_sourcelink = False
html_math_renderer = "mathml"
html_theme_options = {
    "logo": {"text": "sklearn_equity"},
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}

_ROUTING = re.compile(r"(set_\w+_request|get_metadata_routing)$")


def skip_inherited(_app: Any, _what: str, name: str, member: Any, *_: Any) -> Any:
    """Leave out what scikit-learn documents: its mixins and metadata routing."""
    home = str(getattr(member, "__module__", "")).partition(".")[0]
    return True if home == "sklearn" or _ROUTING.match(name) else None


def strip_code(_app: Any, doctree: nodes.document) -> None:
    """Drop the empty line that ends an example for the sake of doctest."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext().rstrip()
        block.rawsource = text
        block.children = [nodes.Text(text)]


def write_inline_math(writer: Any, node: Any) -> None:
    """Write a formula as MathML: browsers set it with no script, and ask no host."""
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def write_displayed_math(writer: Any, node: Any) -> None:
    """Do the same for one that stands on a line of its own, however it was broken."""
    tex = " ".join(node.astext().split())
    writer.body.append(f'<div class="math">{tex2mathml(tex, as_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Register what is done on the way."""
    app.add_html_math_renderer(
        "mathml", (write_inline_math, None), (write_displayed_math, None)
    )
    app.connect("autodoc-skip-member", skip_inherited)
    app.connect("doctree-read", strip_code)
