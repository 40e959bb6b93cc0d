"""How people read the cause of a gap in what was seen. Which cause a gap has is decided in sql/flatten."""

# Used as a label of a chart and after a number, as in "94 hidden by a source outage".
CAUSE_WORDS = {
    "window_overflow": "pushed out of the window of five",
    "seven_day_cut": "older than seven days when polled",
    "schedule_replaced": "hidden by a replaced schedule",
    "source_outage": "hidden by a source outage",
    "not_polled": "while nobody polled",
    "rejected": "seen, but not readable",
}
