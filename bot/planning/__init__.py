"""Facts in, plan out. Pure: the same facts give the same plan and the same digest."""
