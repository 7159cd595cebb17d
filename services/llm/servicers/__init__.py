"""The contracts: protobuf in, domain out, one module for each."""
