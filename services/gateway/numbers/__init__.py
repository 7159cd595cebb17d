"""How the services are and were: asked of every replica, kept minute by minute, drawn for its operators."""
