"""gRPC, as every service uses it: the server, the channels, and what surrounds each call on either side."""
