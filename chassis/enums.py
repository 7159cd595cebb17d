"""Names of the contracts' enum values. During a roll-out a value may come that only a newer version knows."""

from google.protobuf.descriptor import EnumDescriptor

UNKNOWN = "unspecified"


def full_name(enum: EnumDescriptor, value: int) -> str:
    """A value's name as the contract has it; that of 0, which says nothing, for a value that is not known here."""
    name: str = enum.values_by_number.get(value, enum.values_by_number[0]).name
    return name


def short_name(enum: EnumDescriptor, value: int) -> str:
    """The same without its type's prefix and in lower case, as the catalogues have it: `open`, `unspecified`."""
    prefix = full_name(enum, 0).removesuffix(UNKNOWN.upper())
    return full_name(enum, value).removeprefix(prefix).lower()
