"""The public side: a signed delivery becomes a durable event, or is refused."""
