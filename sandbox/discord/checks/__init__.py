"""Bodies checked field by field, refused with Discord's own form errors, and brought into the form that is stored."""
