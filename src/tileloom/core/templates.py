"""Text templates inside input files, rendered by Jinja's sandbox with every size bounded.

Holds what a template may do (variables, `if`, `for`, `set`, `assert`, a few filters, includes from allowed folders)
and its limits. What the rendered text means is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tileloom.core.errors import InputError, MissingDependencyError, did_you_mean

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.runtime import Context
    from jinja2.sandbox import SandboxedEnvironment

MAX_SOURCE = 1_000_000
MAX_OUTPUT = 4_000_000
"""Characters of one template and of everything rendered."""
MAX_STEPS = 100_000
"""Iterations of all loops and values of all ranges of one rendering together."""
MAX_INCLUDES = 64
MAX_INCLUDE_DEPTH = 8

HANDLE = "included_document_"
"""`include(...)` renders to this and a number; `resolve` of the caller replaces it by the document."""

_FILTERS = ("default", "d", "int", "float", "abs", "round", "length", "count", "min", "max", "sum", "lower", "upper",
            "trim", "list", "first", "last", "unique", "sort")  # fmt: skip


@dataclass
class Rendered:
    """The text of a file after its templates, and the documents it included by handle: (text, inner path, file)."""

    text: str
    file: str
    included: dict[str, tuple[str, str, str]] = field(default_factory=dict)


def render_file(path: Path, variables: Mapping[str, object], folders: Iterable[Path] = ()) -> Rendered:
    """Renders the templates of a file.

    variables  values for `{{NAME}}`, `{% if NAME %}` ...
    folders    further folders that includes may come from; the file's own folder (and below) always may

    Raises InputError for an unreadable file, a missing variable (with the list of those the file uses), an include from
    elsewhere, a failed `assert` or a rendering beyond the limits; MissingDependencyError without jinja2.
    """
    text = read_text(path)
    if "{{" not in text and "{%" not in text and "{#" not in text:
        return Rendered(text, str(path))
    renderer = _Renderer(dict(variables), (path.parent.resolve(), *(f.resolve() for f in folders)))
    rendered = Rendered("", str(path))
    rendered.text = renderer.render(text, path, renderer.variables, rendered, 0)
    return rendered


def read_text(path: Path) -> str:
    """A file as UTF-8 text; InputError when it is not there, too long or no text."""
    try:
        if path.stat().st_size > 4 * MAX_SOURCE:
            raise InputError(f"{path}: {path.stat().st_size} bytes; at most {4 * MAX_SOURCE} are read", file=str(path))
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", file=str(path)) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file (UTF-8 is needed)", file=str(path)) from None
    if len(text) > MAX_SOURCE:
        raise InputError(f"{path}: {len(text)} characters; at most {MAX_SOURCE} are read", file=str(path))
    return text


_FAILURES = (
    ArithmeticError, TypeError, ValueError, RecursionError, AttributeError, LookupError,
    # Of the Python that Jinja makes: 1e999 becomes the name inf there, and blocks cannot be 21 deep.
    NameError, SyntaxError,
)  # fmt: skip


class _TooMuchError(Exception):
    """A limit was passed; the text says which."""


@dataclass
class _Renderer:
    """One rendering: its variables, the folders it may read, and what is left of its limits."""

    variables: dict[str, object]
    folders: tuple[Path, ...]
    steps: int = MAX_STEPS
    output: int = MAX_OUTPUT
    includes: int = MAX_INCLUDES

    def render(self, text: str, path: Path, variables: Mapping[str, object], rendered: Rendered, depth: int) -> str:
        environment = _environment(self, path, rendered, depth)
        from jinja2 import TemplateError

        needed: tuple[set[str], set[str]] = (set(), set())
        try:
            tree = environment.parse(text)
            needed = _needed(environment, tree)
            _restrict(tree)
            template = environment.from_string(_guard(tree))
            parts: list[str] = []
            for part in template.generate(dict(variables)):
                self.output -= len(part)
                if self.output < 0:
                    raise _TooMuchError(f"more than {MAX_OUTPUT} characters are rendered")
                parts.append(part)
            return "".join(parts)
        except _TooMuchError as error:
            raise InputError(f"{path}: {error}", file=str(path)) from None
        except TemplateError as error:
            raise InputError(_template_message(path, error, needed, variables), file=str(path)) from None
        except _FAILURES as error:
            raise InputError(f"{path}: a template fails: {str(error)[:200]}", file=str(path)) from None

    def spend(self, values: Iterable[object]) -> list[object]:
        """The values of a loop, counted against the limit on iterations."""
        taken: list[object] = []
        for value in values:
            self.count(1)
            taken.append(value)
        return taken

    def count(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise _TooMuchError(f"loops and ranges take more than {MAX_STEPS} steps in all")

    def find(self, name: str, path: Path) -> Path:
        """The file an include names: in the including file's folder, an allowed folder, or there by its base name."""
        plain = PurePosixPath(str(name).replace("\\", "/"))
        base = plain.name
        for wanted in (plain, PurePosixPath(base)):
            for folder in (path.parent.resolve(), *self.folders):
                if plain.is_absolute() or ".." in wanted.parts or not base:
                    continue
                found = (folder / wanted).resolve()
                if found.is_file() and any(found.is_relative_to(allowed) for allowed in self.folders):
                    return found
        places = ", ".join(str(f) for f in self.folders)
        raise InputError(
            f"{path}: include '{str(name)[:200]}' is not found; includes are read from {places} and below only",
            file=str(path),
        )

    def include(self, name: str, context: Context, path: Path, rendered: Rendered, depth: int) -> tuple[str, Path]:
        self.includes -= 1
        if self.includes < 0 or depth >= MAX_INCLUDE_DEPTH:
            raise _TooMuchError(f"more than {MAX_INCLUDES} includes, or {MAX_INCLUDE_DEPTH} inside one another")
        found = self.find(name, path)
        own = {k: v for k, v in context.get_all().items() if not callable(v)}
        return self.render(read_text(found), found, own, rendered, depth + 1), found


def _template_message(
    path: Path, error: Exception, needed: tuple[set[str], set[str]], variables: Mapping[str, object]
) -> str:
    from jinja2 import UndefinedError

    line = getattr(error, "lineno", None)
    place = f"{path}:{line}" if line else str(path)
    message = f"{place}: template: {str(error)[:300]}"
    if isinstance(error, UndefinedError):
        required, optional = needed
        missing = sorted(n for n in required if n not in variables)
        message += f"; give values to its variables with NAME=VALUE: {', '.join(missing) or 'none missing here'}"
        if optional:
            message += f" (optional: {', '.join(sorted(optional))})"
        near = "".join(did_you_mean(n, variables) for n in missing)
        message += near
    return message


def _environment(renderer: _Renderer, path: Path, rendered: Rendered, depth: int) -> SandboxedEnvironment:
    try:
        from jinja2 import StrictUndefined, pass_context
    except ImportError:
        raise MissingDependencyError("jinja2", "accelforge", "reading files with {{...}} templates") from None

    environment = _bounded_environment()(undefined=StrictUndefined, extensions=[_assert_extension()], autoescape=False)
    keep = {name: environment.filters[name] for name in _FILTERS}
    environment.filters.clear()
    environment.filters.update(keep)

    @pass_context
    def include(context: Context, name: str, inner: str = "") -> str:
        text, found = renderer.include(name, context, path, rendered, depth)
        handle = f"{HANDLE}{len(rendered.included)}"
        rendered.included[handle] = (text, str(inner), str(found))
        return handle

    @pass_context
    def include_text(context: Context, name: str) -> str:
        return renderer.include(name, context, path, rendered, depth)[0]

    def add_to_path(name: str) -> str:
        return ""

    def bounded_range(*ends: int) -> range:
        values = range(*ends)
        renderer.count(len(values))
        return values

    environment.globals.clear()
    environment.globals.update(include=include, include_text=include_text, add_to_path=add_to_path, range=bounded_range)
    environment.globals.update(dict=dict, spend__=renderer.spend, concat__=_concat)
    return environment


def _concat(*values: object) -> str:
    return str(_sized("".join(str(v) for v in values)))


def _sized(value: object) -> object:
    if isinstance(value, str | list | tuple) and len(value) > MAX_STEPS:
        raise _TooMuchError(f"a value of {len(value)} characters or items; at most {MAX_STEPS}")
    if isinstance(value, int) and value.bit_length() > 1024:
        raise _TooMuchError("a number of more than 1024 bits")
    return value


def _bounded_environment() -> type[SandboxedEnvironment]:
    from jinja2.sandbox import SandboxedEnvironment as Sandbox

    class Bounded(Sandbox):
        """Jinja's sandbox, narrowed: no methods but those of mappings, operators with bounded results."""

        intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            if isinstance(obj, dict):
                return attr in ("items", "keys", "values")
            return type(obj).__name__ == "LoopContext" and not attr.startswith("_")

        def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
            plain = isinstance(left, int | float) and isinstance(right, int | float)
            if not plain and operator != "+":
                raise TypeError(f"'{operator}' needs two numbers")
            if operator == "**" and plain and (abs(right) > 1024 or abs(left) > 2**64):
                raise _TooMuchError(f"{left}**{right} is too large")
            return _sized(super().call_binop(context, operator, left, right))

    return Bounded


def _assert_extension() -> type[Any]:
    """The tag `{% assert CONDITION, "message" %}`."""
    from jinja2 import nodes
    from jinja2.exceptions import TemplateAssertionError
    from jinja2.ext import Extension

    class Assert(Extension):
        tags = {"assert"}  # noqa: RUF012  (Jinja's own way to declare a tag)

        def parse(self, parser: Any) -> nodes.Node:
            line = next(parser.stream).lineno
            condition = parser.parse_expression()
            message: nodes.Expr = nodes.Const("assertion failed")
            if parser.stream.skip_if("comma"):
                message = parser.parse_expression()
            failing = nodes.ExprStmt(self.call_method("_fail", [message, nodes.Const(line)]), lineno=line)
            return nodes.If(nodes.Not(condition), [failing], [], [], lineno=line)

        def _fail(self, message: str, line: int) -> str:
            raise TemplateAssertionError(str(message), line)

    return Assert


_REFUSED = ("Macro", "CallBlock", "Include", "Import", "FromImport", "Extends", "Block", "FilterBlock", "AssignBlock",
            "NSRef", "Slice", "With", "EvalContextModifier", "ScopedEvalContextModifier", "OverlayScope")  # fmt: skip


def _restrict(tree: nodes.Template) -> None:
    from jinja2 import nodes
    from jinja2.exceptions import TemplateSyntaxError

    for node in tree.find_all(nodes.Node):
        kind = type(node).__name__
        if kind in _REFUSED or (isinstance(node, nodes.For) and node.recursive):
            raise TemplateSyntaxError(f"'{kind.lower()}' is not allowed in these templates", node.lineno or 1)
        if isinstance(node, nodes.Name) and node.name in ("spend__", "concat__"):
            raise TemplateSyntaxError(f"unknown name '{node.name}'", node.lineno or 1)


def _guard(tree: nodes.Template) -> nodes.Template:
    """Every loop takes its values through `spend`, every concatenation through a bounded one."""
    from jinja2 import nodes
    from jinja2.visitor import NodeTransformer

    def call(name: str, values: list[nodes.Expr], line: int | None) -> nodes.Call:
        return nodes.Call(nodes.Name(name, "load"), values, [], None, None, lineno=line)

    class Guard(NodeTransformer):
        def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  (Jinja calls it by this name)
            self.generic_visit(node)
            node.iter = call("spend__", [node.iter], node.lineno)  # type: ignore[list-item]
            return node

        def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
            self.generic_visit(node)
            return call("concat__", list(node.nodes), node.lineno)

    guarded: nodes.Template = Guard().visit(tree)
    if tree.environment is not None:
        guarded.set_environment(tree.environment)
    return guarded


def _needed(environment: SandboxedEnvironment, tree: nodes.Template) -> tuple[set[str], set[str]]:
    """Names a template uses: those it cannot do without, and those with a default or asked about with `is defined`."""
    from jinja2 import meta, nodes

    used = set(meta.find_undeclared_variables(tree)) - set(environment.globals)
    optional: set[str] = set()
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        named = node.node
        if isinstance(named, nodes.Name) and node.name in ("default", "d", "defined"):
            optional.add(named.name)
    return used - optional, used & optional


def variables_of(pairs: Mapping[str, str]) -> dict[str, object]:
    """Variables given as text: numbers and true/false become such, everything else stays text.

    >>> variables_of({"M": "512", "DECODE": "False", "GlobalBufferSize": "inf"})
    {'M': 512, 'DECODE': False, 'GlobalBufferSize': 'inf'}
    """
    return {name: _plain_value(text) for name, text in pairs.items()}


def _plain_value(text: str) -> object:
    words: dict[str, object] = {"true": True, "false": False, "none": None, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    if text.lower().lstrip("+-") in ("inf", "nan", "infinity"):
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
