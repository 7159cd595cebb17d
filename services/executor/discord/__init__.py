"""Discord's REST API as executor speaks it: routes, errors, permits, and one thin client."""
