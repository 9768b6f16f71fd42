"""The last thing that the user said, out of a conversation: macros in DuckDB, since every line has
one.

Shapes: OpenAI's and Anthropic's messages (content a text, or parts of which those of type text
count), OpenTelemetry's (parts with content), Gemini's contents, a list of texts, or one plain text.
What LiteLLM writes in the place of a redacted message is nothing that anybody said.
"""

import ibis
from ibis.backends.duckdb import Backend

REDACTED = "redacted-by-litellm"

# A list of OTLP's messages, taken apart as far as the role and the parts.
MESSAGES = (
    '{"values": [{"kvlistValue": {"values": [{"key": "VARCHAR", '
    '"value": {"stringValue": "VARCHAR", "arrayValue": "JSON"}}]}}]}'
)

# A macro calls only those before it.
MACROS = (
    # p: a part of a message
    """part_text(p) AS CASE WHEN json_type(p) = 'VARCHAR' THEN p ->> '$'
       WHEN coalesce(p ->> 'type', 'text') IN ('text', 'input_text')
       THEN coalesce(p ->> 'text', p ->> 'content') END""",
    # c: what a message holds
    """content_text(c) AS CASE json_type(c::JSON)
       WHEN 'VARCHAR' THEN c::JSON ->> '$'
       WHEN 'ARRAY' THEN array_to_string(list_filter(list_transform(
            json_extract(c::JSON, '$[*]'), lambda p: part_text(p)),
            lambda t: t IS NOT NULL), chr(10)) END""",
    # l: the messages; a turn that holds only a tool's result says nothing
    """last_said(l) AS list_filter(list_transform(list_filter(l,
        lambda x: (x ->> 'role') IN ('user', 'human')),
        lambda x: trim(content_text(coalesce(x -> 'content', x -> 'parts')))),
        lambda t: t <> '')[-1]""",
    # j: JSON; text: the same as it stood in the log
    """prompt_in(j, text) AS CASE
       WHEN j IS NULL THEN text
       WHEN json_type(j) = 'ARRAY' AND json_array_length(j) = 0 THEN NULL
       WHEN json_type(j) = 'ARRAY' AND json_type(j, '$[0]') = 'VARCHAR'
       THEN array_to_string(json_extract_string(j, '$[*]'), chr(10))
       WHEN json_type(j) = 'ARRAY' AND json_exists(j, '$[0].role')
       THEN last_said(json_extract(j, '$[*]'))
       WHEN json_type(j) = 'OBJECT' AND json_array_length(json_keys(j)::JSON) = 0 THEN NULL
       WHEN json_exists(j, '$.role') THEN last_said([j])
       WHEN json_type(j, '$.messages') = 'ARRAY' THEN last_said(json_extract(j, '$.messages[*]'))
       WHEN json_type(j, '$.contents') = 'ARRAY' THEN last_said(json_extract(j, '$.contents[*]'))
       WHEN json_type(j, '$.input') = 'ARRAY' THEN last_said(json_extract(j, '$.input[*]'))
       WHEN json_type(j, '$.input') = 'VARCHAR' THEN j ->> 'input'
       WHEN json_type(j, '$.prompt') = 'VARCHAR' THEN j ->> 'prompt'
       ELSE text END""",
    f"""prompt_of(text) AS nullif(trim(prompt_in(
        CASE WHEN left(ltrim(text), 1) IN ('[', '{{') THEN try_cast(text AS JSON) END, text
        )), '{REDACTED}')""",
    # OTLP: a value in its envelope, and what a list of keys and values holds under one key
    """otlp_text(v) AS CASE json_type(v)
       WHEN 'OBJECT' THEN coalesce(v ->> 'stringValue', v ->> 'intValue', v ->> 'doubleValue',
            v ->> 'boolValue', v ->> '$.arrayValue.values[0].stringValue') END""",
    """otlp_get(kv, name) AS list_filter(json_extract(kv, '$.kvlistValue.values[*]'),
       lambda x: (x ->> 'key') = name)[1] -> 'value'""",
    """otlp_part(p) AS CASE WHEN coalesce(otlp_text(otlp_get(p, 'type')), 'text') = 'text'
       THEN otlp_text(otlp_get(p, 'content')) END""",
    # kv: the keys and values of a message
    """otlp_under(kv, name) AS list_filter(kv, lambda x: x.key = name)[1].value""",
    """otlp_said(kv) AS coalesce(otlp_under(kv, 'content').stringValue, array_to_string(
       list_filter(list_transform(json_extract(otlp_under(kv, 'parts').arrayValue, '$.values[*]'),
       lambda p: otlp_part(p)), lambda t: t IS NOT NULL), chr(10)))""",
    # a: an arrayValue of messages
    f"""otlp_prompt(a) AS list_filter(list_transform(list_filter(
       json_transform(a, '{MESSAGES}').values,
       lambda m: otlp_under(m.kvlistValue.values, 'role').stringValue = 'user'),
       lambda m: trim(otlp_said(m.kvlistValue.values))), lambda t: t <> '')[-1]""",
    # v: the envelope as a struct, as a span's own attributes are read
    """any_text(v) AS coalesce(v.stringValue, v.intValue, v.doubleValue, v.boolValue,
       v.arrayValue ->> '$.values[0].stringValue')""",
    """any_prompt(v) AS CASE WHEN v.arrayValue IS NOT NULL THEN otlp_prompt(v.arrayValue)
       ELSE prompt_of(v.stringValue) END""",
)


@ibis.udf.scalar.builtin
def prompt_of(text: str) -> str:
    """What the user said last in this conversation. DuckDB only, after teach."""


def teach(connection: Backend) -> None:
    """Makes the macros known to this connection."""
    for macro in MACROS:
        connection.con.execute(f"CREATE TEMP MACRO {macro}").fetchall()
