"""Checks plain data against a schema class and reports every fault with its file and line.

Any reader of YAML files uses `Schema` as the base of its classes and `validate` to read; what the fields mean is the
reader's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, Tag, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import Document, Place, Plain

ITEM_NAMES = ("name", "memory", "fanout", "compute")
"""Keys that name an item of a list in messages: nodes.1 'GLB'.read."""

_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "unknown key",
    "model_type": "expected a mapping of keys to values",
    "dict_type": "expected a mapping of keys to values",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "finite_number": "expected a finite number",
}


class Schema(BaseModel):
    """Base of all file schemas: unknown keys are refused, and contradictions are reported with all other faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        """(key, what is wrong) for rules about several keys; sees the raw data, whose values may be of any type."""
        return ()

    @model_validator(mode="wrap")
    @classmethod
    def _report_all(cls, raw: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        faults = list(cls.contradictions(raw)) if isinstance(raw, dict) else []
        if not faults:
            return handler(raw)
        details = [
            InitErrorDetails(
                type=PydanticCustomError("contradiction", _literal(what)), loc=(key,) if key else (), input=None
            )
            for key, what in faults
        ]
        try:
            handler(raw)
        except ValidationError as error:
            details += [
                InitErrorDetails(
                    type=PydanticCustomError(_literal(e["type"]), _literal(e["msg"])), loc=e["loc"], input=e["input"]
                )
                for e in error.errors()
            ]
        raise ValidationError.from_exception_data(cls.__name__, details)


Model = TypeVar("Model", bound=BaseModel)


def validate(schema: type[Model], document: Document, *, names: Sequence[str] = ITEM_NAMES) -> Model:
    """The document as an instance of `schema`.

    Raises InputError with one message per fault, in the order of lines:
    `file:line: nodes.1 'GLB'.read.wirte: unknown key (did you mean 'write'?) (got 6.0)`.
    """
    try:
        return schema.model_validate(document.data)
    except ValidationError as error:
        found = sorted({_describe(schema, document, dict(e), names) for e in error.errors()})
        raise InputError([text for _, text in found], file=document.file) from None


def fault(document: Document, place: Place, what: str, *, names: Sequence[str] = ITEM_NAMES) -> str:
    """A message in the same form for a fault found after validation."""
    where = _show(document.data, place, names)
    return f"{document.at(place)}: {where}: {what}" if where else f"{document.at(place)}: {what}"


def _describe(
    schema: type[BaseModel], document: Document, error: Mapping[str, Any], names: Sequence[str]
) -> tuple[int, str]:
    place = _place(document.data, error["loc"])
    kind = error["type"]
    what = _MESSAGES.get(kind) or _lower(str(error["msg"]).removeprefix("Value error, "))
    if kind == "extra_forbidden":
        known = sorted(_known_keys(schema, error["loc"][:-1]))
        what += did_you_mean(str(error["loc"][-1]), known) or (f"; known keys: {', '.join(known)}" if known else "")
    if kind not in ("missing", "contradiction"):
        what += _got(error["input"])
    return document.line(place), fault(document, place, what, names=names)


def _place(data: Plain, loc: Sequence[str | int]) -> Place:
    """The path in the file: pydantic's location without the union tags it puts between."""
    path: list[str | int] = []
    current: Plain = data
    for position, part in enumerate(loc):
        if isinstance(part, str) and part.startswith("<"):
            continue
        if isinstance(current, dict) and part in current:
            current = current[str(part)]
        elif isinstance(current, list) and isinstance(part, int) and part < len(current):
            current = current[part]
        elif position < len(loc) - 1 or not isinstance(current, dict):
            continue
        path.append(part)
    return tuple(path)


def _show(data: Plain, place: Place, names: Sequence[str]) -> str:
    text = ""
    current: Plain = data
    for part in place:
        text += f".{part}" if text else str(part)
        if isinstance(current, dict):
            current = current.get(str(part))
        elif isinstance(current, list) and isinstance(part, int):
            current = current[part]
            if isinstance(current, dict):
                label = next((current[n] for n in names if isinstance(current.get(n), str)), None)
                text += f" '{label}'" if label else ""
    return text


def _got(value: object) -> str:
    text = repr(value)
    if isinstance(value, dict | list | tuple) and len(text) > 60:
        return f" (got a {'mapping' if isinstance(value, dict) else 'list'})"
    return f" (got {text if len(text) <= 60 else text[:57] + '...'})"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _literal(text: str) -> Any:
    # PydanticCustomError is typed for literal strings only; without a context nothing in them is substituted.
    return text


def _known_keys(schema: type[BaseModel], loc: Sequence[str | int]) -> set[str]:
    """Keys allowed at a place: walks the annotations as the location walks the data."""
    here: list[Any] = [schema]
    for part in loc:
        if isinstance(part, str) and part.startswith("<"):
            tagged = [m for a in here for m in _members(a) if _tag(m) == part]
            here = tagged or here
            continue
        models = [m for a in here for m in _models(a)]
        if isinstance(part, int):
            continue
        # A part that is no field is the key of a dict: the place stays inside the dict's values.
        here = [_annotation(m, part) for m in models if part in m.model_fields] or here
    return {name for a in here for m in _models(a) for name in m.model_fields}


def _annotation(model: type[BaseModel], name: str) -> Any:
    # Metadata is kept apart from the annotation by pydantic, but nested Annotated survive inside it.
    return model.model_fields[name].annotation


def _members(annotation: Any) -> Iterator[Any]:
    """An annotation and everything inside it, unions and containers opened, tags kept."""
    yield annotation
    if get_origin(annotation) in (Annotated, Union, UnionType, list, tuple, dict):
        for inner in get_args(annotation):
            yield from _members(inner)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    for member in _members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield member


def _tag(annotation: Any) -> str | None:
    if get_origin(annotation) is not Annotated:
        return None
    return next((m.tag for m in annotation.__metadata__ if isinstance(m, Tag)), None)
