"""The checklist's steps: what each probes, does and undoes."""
