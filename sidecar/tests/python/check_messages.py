"""Compares the messages and methods of the sidecar with the descriptor that the wheel carries.

    python check_messages.py SIDECAR/src

Names, numbers, types, repeated fields, maps, oneofs, enums, and the methods of the service must be the same. Names are
compared as the protocol has them: `task_scheduled_id` is its `taskScheduledId`. Ends with 1 where something differs.
"""

import re
import sys
from pathlib import Path

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.descriptor import FieldDescriptor as Field

SERVICE = "TaskHubSidecarService"
# Types of Rust for messages that everybody has.
WELL_KNOWN = {
    "String": "google.protobuf.StringValue",
    "Text": "google.protobuf.StringValue",
    "i32": "google.protobuf.Int32Value",
    "bool": "google.protobuf.BoolValue",
    "Timestamp": "google.protobuf.Timestamp",
    "Duration": "google.protobuf.Duration",
    "Value": "google.protobuf.Value",
    "Struct": "google.protobuf.Struct",
    "()": "google.protobuf.Empty",
}
SCALARS = {
    Field.TYPE_STRING: "string",
    Field.TYPE_INT32: "int32",
    Field.TYPE_INT64: "int64",
    Field.TYPE_BOOL: "bool",
    Field.TYPE_DOUBLE: "double",
    Field.TYPE_BYTES: "bytes",
}
ITEM = re.compile(
    r"#\[derive\([^)]*prost::(Message|Oneof|Enumeration)\)\]\s*(?:#\[[^\]]*\]\s*)*pub(?:\([a-z]+\))? "
    r"(?:struct|enum) (\w+) \{(.*?)\n?\}",
    re.DOTALL,
)
FIELD = re.compile(
    r"#\[prost\((?P<attributes>(?:[^()\[\]\"]|\"[^\"]*\")*)\)\]\s*(?:#\[[^\]]*\]\s*)*"
    r"(?:pub(?:\([a-z]+\))? (?P<name>(?:r#)?\w+): (?P<type>[^\n]+?),\n|(?P<variant>\w+)\((?P<inner>[^)]+)\))"
)


def plain(name):
    """A name without its style, so that `spanID`, `span_id` and `SpanId` are the same."""
    return name.removeprefix("r#").replace("_", "").lower()


def innermost(rust):
    """`Option<Box<T>>` and `Vec<T>` are about T; a map is about its values."""
    while match := re.fullmatch(r"(?:\w+::)*\w+<(.*)>", rust.strip()):
        rust = match[1].split(",")[-1]
    return rust.strip().rsplit("::", 1)[-1]


def type_of_message(rust):
    return WELL_KNOWN.get(innermost(rust), innermost(rust))


def parse(source):
    """All items of the Rust source by their kinds and names, with what stands in them."""
    items = {"Message": {}, "Oneof": {}, "Enumeration": {}}
    for kind, name, body in ITEM.findall(source):
        items[kind][name] = body + "\n"
    return items


def our_field(attributes, rust):
    """What a field is: its type, and whether it is one, many or a map."""
    kinds = [part.strip() for part in re.sub(r'"[^"]*"', '""', attributes).split(",")]
    if kinds[0].startswith("map"):
        key, value = re.search(r'map = "(\w+), (\w+)"', attributes).groups()
        return f"map of {key} to {type_of_message(rust) if value == 'message' else value}"
    if kinds[0].startswith("enumeration"):
        what = "enum " + re.search(r'enumeration = "([\w:]+)"', attributes)[1].rsplit("::", 1)[-1]
    elif kinds[0] == "message":
        what = type_of_message(rust)
    else:
        what = kinds[0]
    return f"many {what}" if "repeated" in kinds else what


def our_fields(body, items):
    """The fields of a message by their numbers: name, type, and the oneof that they are in."""
    fields = {}
    for match in FIELD.finditer(body):
        attributes = match["attributes"]
        if oneof := re.search(r'oneof = "([\w:]+)"', attributes):
            numbers = re.search(r'tags = "([^"]*)"', attributes)[1]
            inside = our_fields(items["Oneof"][oneof[1].rsplit("::", 1)[-1]], items)
            if sorted(inside) != sorted(int(number) for number in numbers.split(",")):
                raise SystemExit(f"{oneof[1]} has other numbers than its message says")
            fields |= {number: (name, what, plain(match["name"])) for number, (name, what, _) in inside.items()}
            continue
        number = int(re.search(r'tag = "(\d+)"', attributes)[1])
        name = match["name"] or match["variant"]
        fields[number] = (plain(name), our_field(attributes, match["type"] or match["inner"]), None)
    return fields


def their_type(field):
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
        return f"map of {SCALARS[key.type]} to {their_type(value)}"
    if field.type == Field.TYPE_ENUM:
        what = "enum " + field.enum_type.name
    elif field.type == Field.TYPE_MESSAGE:
        what = field.message_type.full_name
    else:
        what = SCALARS[field.type]
    return f"many {what}" if field.is_repeated else what


def their_fields(message):
    def oneof(field):
        return plain(field.containing_oneof.name) if field.containing_oneof else None

    return {field.number: (plain(field.name), their_type(field), oneof(field)) for field in message.fields}


def compare(what, ours, theirs):
    """What differs, a line for each key."""
    keys = sorted({*ours, *theirs}, key=str)
    return [
        f"{what} {key}: ours is {ours.get(key, 'missing')}, theirs is {theirs.get(key, 'missing')}"
        for key in keys
        if ours.get(key) != theirs.get(key)
    ]


def compare_messages(items):
    theirs = pb.DESCRIPTOR.message_types_by_name
    differences = compare("message", dict.fromkeys(items["Message"], "there"), dict.fromkeys(theirs, "there"))
    for name, message in theirs.items():
        if name in items["Message"]:
            differences += compare(
                f"{name}, field", our_fields(items["Message"][name], items), their_fields(message))
    return differences, len(theirs)


def compare_enums(items):
    differences = []
    theirs = pb.DESCRIPTOR.enum_types_by_name
    for name, enum in theirs.items():
        body = items["Enumeration"].get(name, "")
        ours = {int(number): plain(variant) for variant, number in re.findall(r"(\w+) = (\d+)", body)}
        # `ORCHESTRATION_STATUS_RUNNING` of `OrchestrationStatus` is `Running`.
        names = {value.number: plain(value.name).removeprefix(name.lower()) for value in enum.values}
        differences += compare(f"{name}, value", ours, names)
    return differences, len(theirs)


def compare_methods(source):
    """The methods by their names: what they take, what they give, and whether it is a stream."""
    signatures = dict(
        (name, (taken, given))
        for name, taken, given in re.findall(
            r"fn (\w+)\(\s*self,\s*_?\w+: ([\w:()]+),?\s*\) -> Result<([\w:()]+), Status>", source)
    )
    ours = {}
    calls = re.findall(r'"(\w+)" => \{?\s*self\s*\.(unary|stream)\(\s*request,\s*(?:Self::(\w+)|\|_, \(\)\|)', source)
    for name, kind, function in calls:
        taken, given = signatures[function] if function else ("()", "()")
        # What a stream gives is encoded elsewhere: its type is not in the signature.
        ours[name] = (type_of_message(taken), "a stream" if kind == "stream" else type_of_message(given))
    theirs = {
        method.name: (
            method.input_type.full_name,
            "a stream" if method.server_streaming else method.output_type.full_name,
        )
        for method in pb.DESCRIPTOR.services_by_name[SERVICE].methods
    }
    return compare("method", ours, theirs), len(theirs)


def read(folder, pattern):
    return "\n".join(path.read_text() for path in sorted(folder.glob(pattern)))


def main():
    sources = Path(sys.argv[1])
    items = parse(read(sources, "proto.rs") + read(sources, "proto/*.rs"))
    messages, message_count = compare_messages(items)
    enums, enum_count = compare_enums(items)
    methods, method_count = compare_methods(read(sources, "service.rs") + read(sources, "service/*.rs"))
    differences = messages + enums + methods
    print("\n".join(differences), f"{message_count} messages, {enum_count} enums and {method_count} methods compared")
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
