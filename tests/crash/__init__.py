"""Kill, or pause, a process at every outward call of a job's life, and see what becomes of the job."""
