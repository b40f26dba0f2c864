"""Which small changes to a file should make a test fail?

Comparisons, arithmetic, logic, numbers, truth values, conditions, returned values,
keyword arguments and the choice between least and most. Words are left: what an error
says is held by the tests of its text. So are types, decorators and `__all__`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATIONS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
OTHER_NAME = {
    first: second
    for pair in (
        ("min", "max"),
        ("minimum", "maximum"),
        ("argmin", "argmax"),
        ("any", "all"),
        ("floor", "ceil"),
        ("fmin", "fmax"),
        ("vstack", "hstack"),
    )
    for first, second in (pair, pair[::-1])
}


@dataclass(frozen=True, order=True)
class Mutant:
    """One change to one file, at a place counted in bytes."""

    path: str
    line: int
    statement: int  # the line where its statement begins
    start: int
    end: int
    before: str
    after: str
    told: str = ""

    def __str__(self):
        before, after = (" ".join(one.split()) for one in (self.before, self.after))
        place = f"{self.path.removeprefix('sklearn_equity/')}:{self.line}"
        return f"{place}: {self.told or f'{_cut(before)} -> {_cut(after)}'}"

    def apply(self, source):
        """Return the file with the change."""
        changed = source[: self.start] + self.after.encode() + source[self.end :]
        ast.parse(changed)
        return changed


def _cut(text, length=70):
    return text if len(text) <= length else f"{text[: length - 4]} ..."


def mutants_of(path, *, root):
    """List every mutant of a file, in order."""
    source = Path(root, path).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = set()
    for statement, node, after, *told in _changes(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = source[start:end].decode()
        place = (str(path), node.lineno, statement, start, end)
        found.add(Mutant(*place, before, after, *told))
    return sorted(found)


def _changes(tree) -> Iterator[tuple]:
    for statement, node in _code_of(tree, statement=1):
        for change in _CHANGES.get(type(node), lambda _: ())(node):
            yield statement, *change


def _code_of(node, *, statement, inside_function=False):
    """Walk what is run when the package is used, or decides about it at import."""
    statement = node.lineno if isinstance(node, ast.stmt) else statement
    inside_function |= isinstance(node, ast.FunctionDef | ast.Lambda)
    is_union = isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)
    if is_union and not inside_function:  # of two types
        return
    yield statement, node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "format_spec"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left(child):
                yield from _code_of(
                    child, statement=statement, inside_function=inside_function
                )


def _is_left(node):
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "__all__"
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.Import | ast.ImportFrom | ast.Raise)


# ---- what each kind of code is changed to ----------------------------------------
def _in_brackets(node):
    return f"({ast.unparse(node)})"


def _compare(node):
    for at, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            ops = [*node.ops[:at], other(), *node.ops[at + 1 :]]
            yield node, _in_brackets(ast.Compare(node.left, ops, node.comparators))


def _binary(node):
    if type(node.op) in OPERATIONS:
        other = OPERATIONS[type(node.op)]()
        yield node, _in_brackets(ast.BinOp(node.left, other, node.right))


def _augmented(node):
    if type(node.op) in OPERATIONS:
        other = OPERATIONS[type(node.op)]()
        yield node, ast.unparse(ast.AugAssign(node.target, other, node.value))


def _unary(node):
    if not isinstance(node.op, ast.UAdd):
        yield node, _in_brackets(node.operand)


def _logic(node):
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield node, _in_brackets(ast.BoolOp(other, node.values))


def _constant(node):
    if isinstance(node.value, bool):
        yield node, str(not node.value)
    elif isinstance(node.value, int):
        yield node, str(node.value + 1)
    elif isinstance(node.value, float):
        yield node, repr(node.value * 2.0 or 1.0)


def _condition(node):
    yield node.test, f"(not {_in_brackets(node.test)})"


def _returned(node):
    if node.value is not None and ast.unparse(node.value) != "None":
        yield node.value, "None"


def _call(node):
    for at in range(len(node.keywords)):
        left = [*node.keywords[:at], *node.keywords[at + 1 :]]
        if node.keywords[at].arg is not None:
            given = f"{node.keywords[at].arg}={ast.unparse(node.keywords[at].value)}"
            told = f"{_cut(ast.unparse(node.func))}(...) without {_cut(given)}"
            yield node, ast.unparse(ast.Call(node.func, node.args, left)), told


def _name(node):
    if node.id in OTHER_NAME:
        yield node, OTHER_NAME[node.id]


def _attribute(node):
    if node.attr in OTHER_NAME:
        yield node, ast.unparse(ast.Attribute(node.value, OTHER_NAME[node.attr]))


_CHANGES = {
    ast.Compare: _compare,
    ast.BinOp: _binary,
    ast.AugAssign: _augmented,
    ast.UnaryOp: _unary,
    ast.BoolOp: _logic,
    ast.Constant: _constant,
    ast.If: _condition,
    ast.IfExp: _condition,
    ast.While: _condition,
    ast.Return: _returned,
    ast.Call: _call,
    ast.Name: _name,
    ast.Attribute: _attribute,
}
