"""The descriptor of a contract of each kind of method, standing where generated ones do."""

from google.protobuf import descriptor_pb2, descriptor_pool

_TEXT = ".google.protobuf.StringValue"
# name -> (client streams, server streams, idempotent)
METHODS = {
    "Unary": (False, False, False),
    "Again": (False, False, True),
    "Down": (False, True, False),
    "Watch": (False, True, False),
    "Up": (True, False, False),
    "Both": (True, True, False),
}


def _file() -> bytes:
    file = descriptor_pb2.FileDescriptorProto(name="guildhall/echo/v1/echo.proto", package="guildhall.echo.v1")
    file.dependency.append("google/protobuf/wrappers.proto")
    service = file.service.add(name="EchoService")
    for name, (up, down, idempotent) in METHODS.items():
        method = service.method.add(
            name=name, input_type=_TEXT, output_type=_TEXT, client_streaming=up, server_streaming=down
        )
        if idempotent:
            method.options.idempotency_level = descriptor_pb2.MethodOptions.IDEMPOTENT
    return file.SerializeToString()


DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(_file())
