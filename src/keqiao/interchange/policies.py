"""Who may. Whether now is the right time is the workflow's business."""
