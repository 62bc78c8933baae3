"""One `RemoteJob` for each kind of long-running job at Google."""
