"""The Gemini API: clients, batches, files and errors."""
