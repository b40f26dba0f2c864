"""What the guide shows of AIF360 and daindex runs, and says what it is said to say.

Both bring much with them and are no part of the tests' environment: install them by
``pip install aif360 daindex``, or else these are skipped. What the guide shows of other
libraries has prompts, and is run as doctests.
"""

import ast
import re
import warnings
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[1] / "docs" / "user_guide" / "coming_from.md"
BLOCK = re.compile(r"(?s)```python\n(.*?)```")
PROMPT = re.compile(r"^(?:>>>|\.\.\.) ?")


def _section(title):
    """Return the blocks of a section, those without prompts."""
    text = GUIDE.read_text(encoding="utf-8").partition(f"## From {title}\n")[2]
    blocks = BLOCK.findall(text.partition("\n## ")[0])
    return [block for block in blocks if ">>>" not in block]


def _common():
    """Run the block that opens the page: the people, the model and its predictions."""
    lines = BLOCK.search(GUIDE.read_text(encoding="utf-8")).group(1).splitlines()
    source = "\n".join(PROMPT.sub("", line) for line in lines if PROMPT.match(line))
    names = {}
    exec(compile(source, str(GUIDE), "exec"), names)
    return names


def _answer(block, names):
    """Run a block; return what its last line comes to, and what the page says."""
    code, _, said = block.rstrip().rpartition("\n# ")
    tree = ast.parse(code)
    last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, str(GUIDE), "exec"), names)
    return eval(compile(last, str(GUIDE), "eval"), names), ast.literal_eval(said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("title", "package", "n_blocks"),
    [("AIF360", "aif360", 3), ("daindex", "daindex", 1)],
)
def test_the_other_librarys_code_runs_as_shown(title, package, n_blocks):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        pytest.importorskip(package)
        names = _common() | {"pd": pytest.importorskip("pandas")}
        blocks = _section(title)
        assert len(blocks) == n_blocks
        for block in blocks:
            found, said = _answer(block, names)
            assert found == (
                said if isinstance(said, tuple) else pytest.approx(said, abs=2e-3)
            )
