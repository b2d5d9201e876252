"""What a tool's schema says in Python's words: docstring, signature and annotations. Made when they are looked at."""
import inspect
import types
import typing
from keyword import iskeyword


class _Omitted:
    """Stands for the default of an argument whose schema names none: it is not sent."""

    __slots__ = ()

    def __repr__(self):
        return "..."


_OMITTED = _Omitted()


class _Signature(inspect.Signature):
    """A signature that reads the schema only when somebody looks at it."""

    __slots__ = ("_descriptor",)

    def __init__(self, parameters=None, *more, **named):
        if type(parameters) is dict and "name" in parameters:
            self._descriptor = parameters
        else:  # `replace` and `copy` make ordinary ones of this class
            super().__init__(parameters, *more, **named)

    def __getattr__(self, name):
        if name not in ("_parameters", "_return_annotation"):
            raise AttributeError(name)
        parameters, returned = _parameters_of(self._descriptor)
        self._parameters = types.MappingProxyType({parameter.name: parameter for parameter in parameters})
        self._return_annotation = returned
        return getattr(self, name)


def _parameters_of(descriptor):
    schema = descriptor.get("inputSchema")
    schema = schema if type(schema) is dict else {}
    properties = schema.get("properties")
    properties = properties if type(properties) is dict else {}
    required = schema.get("required")
    required = required if type(required) is list else ()
    kind, parameters, rest = inspect.Parameter, [], not properties
    more = schema.get("additionalProperties")
    if more is False:
        rest = False
    elif more is True or type(more) is dict:
        rest = True
    place = kind.POSITIONAL_OR_KEYWORD
    for name in _argument_order(descriptor):
        if not name.isidentifier() or iskeyword(name):
            rest = True  # `**{name: value}` passes it
            place = kind.KEYWORD_ONLY
            continue
        said = properties[name]
        default = kind.empty
        if name not in required:
            default = said.get("default", _OMITTED) if type(said) is dict else _OMITTED
        parameters.append(kind(name, place, default=default, annotation=_annotation(said, schema, 0)))
    if rest:
        name = "arguments"
        while name in properties:
            name += "_"
        parameters.append(kind(name, kind.VAR_KEYWORD))
    returned = inspect.Signature.empty
    if "outputSchema" in descriptor:
        returned = _annotation(descriptor["outputSchema"], descriptor["outputSchema"], 0)
    return parameters, returned


_TYPE_OF_NAME = {
    "string": str, "integer": int, "number": float, "boolean": bool, "null": None, "array": list, "object": dict,
}  # fmt: skip


def _annotation(schema, root, depth):
    """The Python type that fits a schema best; `Any` where Python's words end."""
    if type(schema) is not dict or depth > 8:
        return typing.Any
    if "$ref" in schema:
        return _annotation(_referred(root, schema["$ref"]), root, depth + 1)
    if "const" in schema or "enum" in schema:
        choices = [schema["const"]] if "const" in schema else schema["enum"]
        plain = type(choices) is list and all(type(one) in (str, int, bool, type(None)) for one in choices)
        return typing.Literal[tuple(choices)] if plain and choices else typing.Any
    for key in ("anyOf", "oneOf"):
        if type(schema.get(key)) is list:
            return _union([_annotation(one, root, depth + 1) for one in schema[key]])
    kind = schema.get("type")
    if type(kind) is list:
        return _union([_annotation({**schema, "type": one}, root, depth + 1) for one in kind])
    if kind == "string" and schema.get("contentEncoding") == "base64":
        return bytes
    if kind == "array" and type(schema.get("items")) is dict:
        return list[_annotation(schema["items"], root, depth + 1)]
    if kind == "object" and type(schema.get("additionalProperties")) is dict and "properties" not in schema:
        return dict[str, _annotation(schema["additionalProperties"], root, depth + 1)]
    return _TYPE_OF_NAME.get(kind, typing.Any) if type(kind) is str else typing.Any


def _union(kinds):
    return typing.Union[tuple(kinds)] if kinds and typing.Any not in kinds else typing.Any


def _referred(root, reference):
    if type(reference) is str and reference[:2] == "#/":
        for step in reference[2:].split("/"):
            root = root.get(step.replace("~1", "/").replace("~0", "~")) if type(root) is dict else None
        return root
    return None


def _docstring(descriptor):
    """The description, then one line for each argument that has something to say."""
    said = descriptor.get("description")
    parts = [said.strip()] if type(said) is str and said.strip() else []
    schema = descriptor.get("inputSchema")
    properties = schema.get("properties") if type(schema) is dict else None
    if type(properties) is dict:
        lines = []
        for name in _argument_order(descriptor):
            about = properties[name].get("description") if type(properties[name]) is dict else None
            if type(about) is str and about.strip():
                lines.append(f"    {name}: " + "\n        ".join(about.strip().splitlines()))
        if lines:
            parts.append("Args:\n" + "\n".join(lines))
    return "\n\n".join(parts) or None
