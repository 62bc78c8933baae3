"""What is asked of Google about existing batches, with which key, and how often."""
