"""What the mirror tells of itself: changes applied, and how long it took to learn all members of a guild."""

from chassis.telemetry import meter
from chassis.telemetry.names import DURATION_BUCKETS

changes = meter().create_counter(
    "guildhall.mirror.changes", "{change}", "Changes of guilds and members that gateway told, by outcome"
)
fill_duration = meter().create_histogram(
    "guildhall.mirror.fill.duration",
    "s",
    "Time from the first page of a guild's members to the last",
    explicit_bucket_boundaries_advisory=(*DURATION_BUCKETS, 30, 60, 120),
)
