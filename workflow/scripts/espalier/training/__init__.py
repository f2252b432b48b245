"""What both backends share about training."""
