"""Is everything run that the README and the guide show, or said why not?

Blocks with prompts are doctests of the ordinary tests. What is left is named here, with
its reason: a new block that is neither fails.
"""

import doctest
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_equity.__main__ import main

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    if not {"_build", "gallery", "generated"} & set(path.relative_to(ROOT).parts)
)
FENCE = re.compile(
    r"(?ms)^(?P<fence>```+|~~~+)(?P<about>[^\n]*)\n(?P<body>.*?)^(?P=fence)"
)
PYTHON = {"python", "python3", "py", "pycon"}
SHELL = {"console", "bash", "sh", "shell"}

# What is not run as it stands, by page and the beginning of the block.
NOT_RUN = {
    ("README.md", "$ make demo"): ".ci/run and the tests of the demo run it",
    ("README.md", "$ python -m sklearn_equity audit"): "run by the last test here",
    ("README.md", "$ pip install ."): "installs; every environment begins with it",
    ("docs/user_guide/bigger_than_memory.md", "import joblib\nimport numpy"): (
        "starts a cluster: tests/distributed/test_joblib_backends.py runs it"
    ),
    ("docs/user_guide/coming_from.md", "import pandas as pd\nfrom aif360"): "aif360",
    ("docs/user_guide/coming_from.md", "import numpy as np\nfrom aif360"): "aif360",
    ("docs/user_guide/coming_from.md", "from aif360"): "aif360",
    ("docs/user_guide/coming_from.md", "from daindex"): "daindex",
}
RIVALS = {"aif360", "daindex"}  # run by tests/test_coming_from.py where installed
PRINTED = re.compile(r"\$ python (benchmarks/\S+\.py)")  # of long runs, as text


def _blocks():
    for page in PAGES:
        for found in FENCE.finditer(page.read_text(encoding="utf-8")):
            language = found["about"].strip().strip("{}").partition(" ")[0]
            yield page.relative_to(ROOT).as_posix(), language, found["body"]


BLOCKS = list(_blocks())


def _is_run(language, body):
    """Tell whether all of a block's code is of doctests that are not left out."""
    examples = doctest.DocTestParser().get_examples(body)
    prompts = re.findall(r"(?m)^>>> ", body)
    skips = any(example.options.get(doctest.SKIP) for example in examples)
    begins = body.lstrip().startswith((">>> ", "```"))
    return bool(examples) and len(examples) == len(prompts) and begins and not skips


def test_every_block_is_run_or_named_with_its_reason():
    left = set(NOT_RUN)
    for page, language, body in BLOCKS:
        named = {key for key in NOT_RUN if key[0] == page and body.startswith(key[1])}
        left -= named
        if language in PYTHON or ">>>" in body:
            assert named or _is_run(language, body), f"{page}: {body[:200]}"
        elif language in SHELL:
            assert named, f"{page}: {body[:200]}"
        elif body.startswith("$"):
            script = PRINTED.match(body)
            assert script, f"{page}: {body[:200]}"
            assert (ROOT / script[1]).is_file()
    assert not left, "named here and no longer shown"


def test_a_block_that_is_not_run_would_be_seen():
    assert _is_run("python", ">>> 1 + 1\n2\n")
    for body in (
        "1 + 1\n",
        "x = 1\n>>> x\n1\n",
        ">>> 1 + 1  # doctest: +SKIP\n2\n",
        "# a remark alone\n",
    ):
        assert not _is_run("python", body)


def test_the_pages_are_among_those_that_are_collected(pytestconfig):
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    options = options["ini_options"]
    assert {"README.md", "docs", "sklearn_equity"} <= set(options["testpaths"])
    assert {"--doctest-modules", "--doctest-glob=*.md"} <= set(options["addopts"])
    ignored = [
        ROOT / option.partition("=")[2]
        for option in options["addopts"]
        if option.startswith("--ignore=")
    ]
    for page in PAGES:
        assert not any(page.is_relative_to(folder) for folder in ignored), page


def test_what_needs_a_rival_is_run_where_the_rival_is():
    text = (ROOT / "tests" / "test_coming_from.py").read_text(encoding="utf-8")
    needed = {reason for reason in NOT_RUN.values() if reason in RIVALS}
    assert needed == RIVALS
    for rival in needed:
        assert f'"{rival}"' in text
    assert "importorskip(package)" in text


def test_the_command_of_a_gallery_page_is_the_one_that_it_runs():
    page = next((ROOT / "docs" / "examples").glob("plot_10_*.py")).read_text()
    shown = re.search(r"(?ms)code-block:: console\n#\n(.*?)\n#\n", page)[1]
    shown = re.sub(r"(?m)^#\s*", "", shown).replace("\\\n", " ")
    said = dict(re.findall(r'(?m)^(command|options) = "(.*)"$', page))
    ran = shlex.split(f"$ python {said['command']} {said['options']}")
    assert shlex.split(shown) == ran


@pytest.mark.filterwarnings("ignore::sklearn_equity.exceptions.EquityWarning")
def test_the_command_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    (body,) = (
        body
        for page, _, body in BLOCKS
        if (page, "$ python -m sklearn_equity audit") in NOT_RUN
        and body.startswith("$ python -m sklearn_equity audit")
    )
    words = shlex.split(body.replace("\\\n", " "))
    assert words[:4] == ["$", "python", "-m", "sklearn_equity"]
    rng = np.random.default_rng(0)
    people = pd.DataFrame({"hba1c": rng.normal(40, 6, 400)})
    people["prediction"] = people["predicted"] = people["hba1c"] + rng.normal(size=400)
    people["sex"] = np.resize(["f", "m"], 400)
    people["ethnicity"] = np.repeat(["a", "b"], 200)
    people["age"] = rng.integers(20, 80, 400)
    monkeypatch.chdir(tmp_path)
    people.to_parquet("table.parquet")
    assert main(words[4:]) == 0
    assert "By sex+ethnicity" in capsys.readouterr().out
    assert (tmp_path / "equity_audit" / "equity_report.html").is_file()
