"""Kill, or pause, a process at every outward call of a job's scenario, and see what becomes of the job."""
