"""Durable jobs: partitioned streams, one leased owner for each partition, a fenced journal for each job."""
