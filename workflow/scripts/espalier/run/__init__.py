"""Around a job: what a rule's script needs to run, log and record it."""
