"""Everything said to Google: clients, batches, files and their errors."""
