"""The webhooks that deliveries are for: which keys verify them, and where they are recorded."""
