"""The JSON Schema of `agencies.yaml`, by which editors complete and check it.

`python -m pbx112.plan.schema > agencies.schema.json` renews the file that stands beside `agencies.yaml`.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from pbx112.plan.checks import RESERVED
from pbx112.plan.document import Document


class _Generator(GenerateJsonSchema):
    """Says what a writer of the file needs: no titles made of key names, and no `null`, which is refused."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        result = super().default_schema(schema)
        if result.get("default", ...) is None:
            del result["default"]
        return result

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12), made from the models that the loader itself uses."""
    schema = Document.model_json_schema(schema_generator=_Generator)
    schema["properties"]["agencies"]["propertyNames"] = {"not": {"enum": list(RESERVED)}}
    schema["$defs"]["LineDoc"]["oneOf"] = [
        {"required": ["extension"], "properties": {"trunk": False}},
        {"required": ["mobile", "trunk"], "properties": {"technology": False}},
    ]
    head = {"$schema": GenerateJsonSchema.schema_dialect, "title": "agencies.yaml"}
    del schema["title"]
    return {**head, **_tidy(schema)}


def _tidy(node: Any) -> Any:
    """Descriptions on one line; a mapping's pattern for its keys as a rule for all of its keys."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidy(value) for key, value in node.items()}
    if isinstance(tidy.get("description"), str):
        tidy["description"] = " ".join(tidy["description"].split())
    if "patternProperties" in tidy:
        [(pattern, tidy["additionalProperties"])] = tidy.pop("patternProperties").items()
        tidy["propertyNames"] = {**tidy.get("propertyNames", {}), "pattern": pattern}
    return tidy


def schema_text() -> str:
    """The schema as it stands in `agencies.schema.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
