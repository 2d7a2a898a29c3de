"""The arithmetic of a shell: whole numbers, and variables that are set."""

import ast
import operator
import re
import warnings
from collections.abc import Callable

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
STEP = re.compile(rf"\s*(?:({NAME})(\+\+|--)|(\+\+|--)({NAME}))\s*")
SETS = re.compile(rf"\s*({NAME})\s*([-+*/%]?)=(?!=)(.*)", re.DOTALL)
LARGEST = 10**12
TWO = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARED = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
Get = Callable[[str], str]
Set = Callable[[str, str], None]


def calculate(text: str, get: Get, put: Set) -> int:
    """Return what an expression comes to; ValueError for what is not followed."""
    if not text.strip():
        return 0
    step, sets = STEP.fullmatch(text), SETS.fullmatch(text)
    if step:
        name, sign = step[1] or step[4], step[2] or step[3]
        before = _number(get(name))
        after = before + (1 if sign == "++" else -1)
        put(name, str(after))
        return before if step[1] else after
    if sets:
        value = calculate(sets[3], get, put)
        if sets[2]:
            value = calculate(f"{get(sets[1])} {sets[2]} ({value})", get, put)
        put(sets[1], str(value))
        return value
    # A number that begins with 0 is octal in a shell, and an error in Python.
    plain = re.sub(r"/+", "//", text.strip()).replace("&&", " and ").replace("||", " or ")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of `1if`, which Python still takes
            parsed = ast.parse(plain, mode="eval")
        return _value(parsed.body, get)
    except (SyntaxError, TypeError, MemoryError) as error:
        raise ValueError(text) from error


def _number(text: str) -> int:
    if not re.fullmatch("-?(0|[1-9][0-9]{0,12})", text.strip()):
        raise ValueError(text)
    return int(text)


def _value(node: ast.expr, get: Get) -> int:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Name):
        return _number(get(node.id))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        value = _value(node.operand, get)
        return -value if isinstance(node.op, ast.USub) else int(not value)
    if isinstance(node, ast.BoolOp):
        values = [_value(each, get) for each in node.values]
        return int(all(values) if isinstance(node.op, ast.And) else any(values))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARED:
        compared = COMPARED[type(node.ops[0])]
        return int(compared(_value(node.left, get), _value(node.comparators[0], get)))
    if isinstance(node, ast.BinOp) and type(node.op) in TWO:
        found = TWO[type(node.op)](_value(node.left, get), _value(node.right, get))
        if abs(found) <= LARGEST:
            return int(found)
    raise ValueError(node)
